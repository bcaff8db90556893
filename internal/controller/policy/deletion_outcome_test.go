// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"testing"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// answered is the error of a call that an appliance answered with a status.
func answered(status int) error {
	return fmt.Errorf("while doing it: %w", &rest.Error{Method: "GET", Path: "/x", Status: status, Sent: true})
}

func TestARefusedDeletionIsDeletionBlocked(t *testing.T) {
	if got := deletionOutcome(answered(400)); got.Reason != pamv1alpha1.ReasonDeletionBlocked {
		t.Errorf("got %s", got.Reason)
	}
	if got := deletionOutcome(answered(503)); got.Reason != pamv1alpha1.ReasonUnreachable {
		t.Errorf("got %s", got.Reason)
	}
}

func TestOnlyADeletionWithoutAnswerIsGivenUp(t *testing.T) {
	cases := map[string]struct {
		err  error
		want bool
	}{
		"no answer":                         {err: errors.New("connection refused"), want: true},
		"a connection that is not ready":    {err: &connection.NotReadyError{Message: "not ready"}, want: true},
		"a refusal":                         {err: answered(400), want: false},
		"credentials that were refused":     {err: answered(401), want: false},
		"a lock, which its holder releases": {err: &sps.LockedError{Err: answered(409)}, want: false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := mayGiveUp(deletionOutcome(c.err)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
