// SPDX-License-Identifier: Apache-2.0

package session

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

func TestNote(t *testing.T) {
	for name, c := range map[string]struct{ note, by, want string }{
		"nothing but the id": {want: "pam-operator/uid/1"},
		"who asked":          {by: "alice", want: "pam-operator/uid/1 requested by alice"},
		"a note":             {note: "nightly vacuum", want: `pam-operator/uid/1 "nightly vacuum"`},
		"both": {
			note: "nightly vacuum", by: "system:serviceaccount:payments:nightly",
			want: `pam-operator/uid/1 requested by system:serviceaccount:payments:nightly: "nightly vacuum"`,
		},
		"a note that speaks of another requester": {
			note: `requested by ceo@bank: "ok`, by: "mallory",
			want: `pam-operator/uid/1 requested by mallory: "requested by ceo@bank: \"ok"`,
		},
		"a note with a backslash before its end": {note: `a\`, want: `pam-operator/uid/1 "a\\"`},
		"a note of several lines": {
			note: "one\r\ntwo\u2028three\u202efour\x00", want: `pam-operator/uid/1 "one  two threefour"`,
		},
		"a requester that is no name": {
			by: `ceo: "ok"`, note: "x", want: `pam-operator/uid/1 requested by "ceo: \"ok\"": "x"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pamv1alpha1.ActivitySession{}
			s.UID, s.Spec.Note, s.Spec.RequestedBy = "uid", c.note, c.by
			if got := note(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNothingThatAnAuthorWritesIsTakenForARequestID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		victim := "pam-operator/victim/1"
		text := rapid.OneOf(rapid.String(), rapid.Just(victim), rapid.Just(`" `+victim), rapid.Just("\n"+victim))
		s := &pamv1alpha1.ActivitySession{}
		s.UID, s.Spec.Note, s.Spec.RequestedBy = "uid", text.Draw(t, "note"), text.Draw(t, "requestedBy")
		got := note(s)
		if sessions.RequestOf(got) != loop.NewRequestID(s) {
			t.Fatalf("%q is not taken for a note of the request", got)
		}
		if strings.ContainsAny(got, "\n\r\u2028\u2029") {
			t.Fatalf("%q has several lines", got)
		}
		limit := rapid.IntRange(len(loop.NewRequestID(s)), len(loop.NewRequestID(s))+400).Draw(t, "limit")
		if cut := got[:min(limit, len(got))]; sessions.RequestOf(cut) != loop.NewRequestID(s) {
			t.Fatalf("%q, cut to %d, is not recognised", got, limit)
		}
	})
}
