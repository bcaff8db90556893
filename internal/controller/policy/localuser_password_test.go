// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestPasswordsOfUsersThatHaveGoneAreForgotten(t *testing.T) {
	now := time.Now()
	p := newPasswords(loop.Deps{})
	p.now = func() time.Time { return now }
	const stays = "stays"
	staying := builder.LocalUser(stays, builder.InNamespace("team"))
	staying.Status.PasswordVersion = "v"
	p.remember(staying, password{version: "v"})
	for i := range 100 {
		p.remember(builder.LocalUser(fmt.Sprintf("u%d", i), builder.InNamespace("team")), password{version: "v"})
	}
	for range 3 {
		now = now.Add(forgetPassword / 2)
		if _, known := p.lastSet(staying); !known {
			t.Error("one that is asked for is forgotten")
		}
	}
	p.remember(builder.LocalUser("new", builder.InNamespace("team")), password{version: "v"})
	if n := len(p.last); n != 2 {
		t.Errorf("%d passwords are remembered", n)
	}
}
