// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func TestLockIsRefusedByTheFirstChange(t *testing.T) {
	b := start(t, "8.0", func(s *sps.Switches) { s.LockStatus, s.LockType = 423, "Held" })
	b.sps.LockBy("alice", sps.ViaUI)
	b.logIn().refusedWith(423, "Held", http.MethodPost, connections, policy(t, "a"))
}

func TestOpenTransactionOutlivesALockThatComesLater(t *testing.T) {
	b := start(t, "6.0", nil)
	c := b.logIn()
	c.open()
	b.sps.LockBy("alice", sps.ViaUI)
	c.create(connections, policy(t, "a"))
	c.commit()
	c.refusedWith(409, "ConfigurationLocked", http.MethodPost, transaction, nil)
}

func TestLockState(t *testing.T) {
	b := start(t, "8.0", nil)
	b.sps.LockBy("alice", sps.ViaSSH)
	want := &sps.Lock{User: "alice", Via: sps.ViaSSH, Since: b.now()}
	if diff := cmp.Diff(want, b.sps.LockedBy()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.sps.Unlock()
	if got := b.sps.LockedBy(); got != nil {
		t.Errorf("after Unlock: %+v", got)
	}
}
