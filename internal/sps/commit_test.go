// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	const (
		bare  = `{"status":"commit"}`
		named = `{"commit_message":"why","status":"commit"}`
		short = `{"message":"why","status":"commit"}`
	)
	refused := problem(http.StatusBadRequest, "SemanticError", "no")
	tests := map[string]struct {
		message string // the transaction's member about commit messages
		answers []http.HandlerFunc
		check   func(error) bool // nil: committed
		bodies  []string
	}{
		"no word about messages": {bodies: []string{bare}},
		"messages are optional":  {message: "optional", bodies: []string{bare}},
		"a message is required":  {message: "required", bodies: []string{named}},
		"refused for its content": {
			answers: []http.HandlerFunc{refused}, check: sps.IsRefused, bodies: []string{bare},
		},
		"no right": {
			answers: []http.HandlerFunc{problem(403, "Unauthorized", "no")}, check: sps.IsRefused, bodies: []string{bare},
		},
		"the base has moved": {
			answers: []http.HandlerFunc{problem(409, "X", "no")}, check: sps.IsCommitConflict, bodies: []string{bare},
		},
		"the transaction is gone": {
			answers: []http.HandlerFunc{problem(409, "NoTransaction", "no")}, check: sps.IsTransactionLost,
			bodies: []string{bare},
		},
		"the session is gone": {
			answers: []http.HandlerFunc{problem(401, "Unauthenticated", "no")}, check: sps.IsTransactionLost,
			bodies: []string{bare},
		},
		"another client has the lock": {
			answers: []http.HandlerFunc{reply(423, "")}, check: sps.IsLocked, bodies: []string{bare},
		},
		"not available": {
			answers: []http.HandlerFunc{reply(503, "")}, check: rest.IsOutcomeUnknown, bodies: []string{bare},
		},
		"no answer": {
			answers: []http.HandlerFunc{broken}, check: rest.IsOutcomeUnknown, bodies: []string{bare},
		},
		"a page with a good status": {
			answers: []http.HandlerFunc{reply(200, "<html>maintenance</html>")}, check: rest.IsOutcomeUnknown,
			bodies: []string{bare},
		},
		"an empty answer with a good status": {answers: []http.HandlerFunc{reply(200, "")}, bodies: []string{bare}},
		"the message has the other name": {
			message: "required", answers: []http.HandlerFunc{refused, reply(200, "{}")}, bodies: []string{named, short},
		},
		"refused with both names": {
			message: "required", check: sps.IsRefused, bodies: []string{named, short},
			answers: []http.HandlerFunc{problem(400, "SemanticError", "unknown"), problem(400, "SemanticError", "content")},
		},
		"a conflict with the second name": {
			message: "required", check: sps.IsCommitConflict, bodies: []string{named, short},
			answers: []http.HandlerFunc{refused, problem(409, "X", "no")},
		},
		"a conflict with the first name": {
			message: "required", check: sps.IsCommitConflict, bodies: []string{named},
			answers: []http.HandlerFunc{problem(409, "X", "no")},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.inBody, a.commitMessage = tc.message != "", tc.message
			if tc.answers != nil {
				a.on(putTx, inTurn(tc.answers...))
			}
			tx := a.begin(a.client(nil))
			a.take()
			err := tx.Commit(t.Context(), "why")
			if tc.check == nil && err != nil || tc.check != nil && !tc.check(err) {
				t.Errorf("got %v", err)
			}
			if n := kinds(err); n > 1 {
				t.Errorf("%v is %d things at once", err, n)
			}
			var bodies []string
			for _, c := range a.take() {
				bodies = append(bodies, c.Body)
			}
			if diff := cmp.Diff(tc.bodies, bodies); diff != "" {
				t.Errorf("commits (-want +got):\n%s", diff)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Error(err)
			}
			if stillOpen := len(a.take()) == 1; stillOpen != (tc.check != nil) {
				t.Errorf("rolled back: %t", stillOpen)
			}
		})
	}
}

// kinds counts the predicates that hold for an error; callers use the first match, so there must not be two.
func kinds(err error) (n int) {
	for _, is := range []func(error) bool{sps.IsLocked, sps.IsTransactionLost, sps.IsRefused, sps.IsCommitConflict} {
		if is(err) {
			n++
		}
	}
	return n
}

func TestBothRefusalsOfACommitAreShown(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.inBody, a.commitMessage = true, "required"
	a.on(putTx, inTurn(problem(400, "SemanticError", "first words"), problem(400, "SemanticError", "second words")))
	err := a.begin(a.client(nil)).Commit(t.Context(), "why")
	if text := err.Error(); !strings.Contains(text, "first words") || !strings.Contains(text, "second words") {
		t.Errorf("got %v", err)
	}
}

func TestTheNameOfTheMessageIsLearnt(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.inBody, a.commitMessage = true, "required"
	refused := problem(400, "SemanticError", "no")
	a.on(putTx, inTurn(refused, reply(200, "{}"), refused))
	client := a.client(nil)
	if err := a.begin(client).Commit(t.Context(), "why"); err != nil {
		t.Fatal(err)
	}
	tx := a.begin(client)
	a.take()
	if err := tx.Commit(t.Context(), "why"); !sps.IsRefused(err) {
		t.Errorf("got %v", err)
	}
	if got := a.want(putTx)[0].Body; got != `{"message":"why","status":"commit"}` {
		t.Errorf("sent %s", got)
	}
}

func TestACommitHasATimeoutOfItsOwn(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	tx := a.begin(a.client(func(cfg *sps.Config) { cfg.CommitTimeout = time.Nanosecond }))
	err := tx.Commit(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "no answer within 1ns") || rest.IsOutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
}
