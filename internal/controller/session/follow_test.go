// SPDX-License-Identifier: Apache-2.0

package session

import (
	"io"
	"strings"
	"testing"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// The author of a session can look neither into the connection nor at the server: the message says whom to ask.
func TestTheAuthorOfASessionReadsWhomToAsk(t *testing.T) {
	for name, tt := range map[string]struct {
		err          rest.Error
		reason       string
		begins, ends string
	}{
		"for a role that the account lacks": {
			rest.Error{Status: 403, Message: "Forbidden"}, pamv1alpha1.ReasonUnauthorized, "the server answers: Forbidden (403",
			"; ask the owner of connection pam/nps to fix the credentials or rights of its account",
		},
		"for a server that is silent": {
			rest.Error{Err: io.EOF, Message: "EOF"}, pamv1alpha1.ReasonUnreachable, "the server gave no answer",
			"; if this lasts, ask the owner of connection pam/nps to find out why",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			s.Namespace = "team"
			s.Spec.ConnectionRef = pamv1alpha1.ConnectionReference{Namespace: "pam", Name: "nps"}
			tt.err.Method, tt.err.Path = "GET", "/api/v1/ActivitySession/1"
			out := sessionOutcome(s, &tt.err)
			worded := strings.HasPrefix(out.Message, tt.begins) && strings.HasSuffix(out.Message, tt.ends)
			if out.Reason != tt.reason || !worded {
				t.Errorf("got %s: %s", out.Reason, out.Message)
			}
			if tt.err.Status == 0 && strings.Contains(out.Message, "/api/") {
				t.Errorf("a path is shown: %s", out.Message)
			}
		})
	}
}
