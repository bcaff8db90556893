// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const (
	getTx    = "GET /api/transaction"
	postTx   = "POST /api/transaction"
	putTx    = "PUT /api/transaction"
	deleteTx = "DELETE /api/transaction"

	rdpPath = "/api/configuration/rdp/connections"
	postRDP = "POST " + rdpPath
	putRDP  = "PUT " + rdpPath + "/k1"
)

func closedState(w http.ResponseWriter, r *http.Request) {
	reply(http.StatusOK, `{"transaction":{"status":"closed"}}`)(w, r)
}

func openState(w http.ResponseWriter, r *http.Request) {
	reply(http.StatusOK, `{"transaction":{"status":"open"}}`)(w, r)
}

func created(key string) http.HandlerFunc {
	return reply(http.StatusCreated, `{"key":"`+key+`","meta":{"href":"/x"}}`)
}

func TestBegin(t *testing.T) {
	t.Parallel()
	locked := problem(http.StatusConflict, "ConfigurationLocked", "in use")
	tests := map[string]struct {
		set   func(*appliance)
		calls []string
		check func(error) bool // nil: no error
	}{
		"up to 7.x": {calls: []string{logInLine, getTx, postTx}},
		"8.0": {
			set: func(a *appliance) { a.inBody, a.commitMessage = true, "optional" }, calls: []string{logInLine, getTx, postTx},
		},
		"one was left behind": {
			set: func(a *appliance) { a.on(getTx, openState) }, calls: []string{logInLine, getTx, deleteTx, postTx},
		},
		"one was left behind and cannot be dropped": {
			set: func(a *appliance) {
				a.on(getTx, openState)
				a.on(deleteTx, problem(500, "Internal", "no"))
			},
			calls: []string{logInLine, getTx, deleteTx}, check: transient,
		},
		"409, and open after all": {
			set: func(a *appliance) {
				a.on(getTx, inTurn(closedState, openState))
				a.on(postTx, problem(http.StatusConflict, "AlreadyOpen", "it is open"))
			},
			calls: []string{logInLine, getTx, postTx, getTx},
		},
		"409, and not open: locked": {
			set: func(a *appliance) { a.on(postTx, locked) }, calls: []string{logInLine, getTx, postTx, getTx},
			check: sps.IsLocked,
		},
		"423: locked": {
			set:   func(a *appliance) { a.on(postTx, reply(http.StatusLocked, "")) },
			calls: []string{logInLine, getTx, postTx}, check: sps.IsLocked,
		},
		"503: locked, and dropped in case it was opened": {
			set:   func(a *appliance) { a.on(postTx, reply(http.StatusServiceUnavailable, "<html>")) },
			calls: []string{logInLine, getTx, postTx, deleteTx}, check: sps.IsLocked,
		},
		"no answer: dropped in case it was opened": {
			set: func(a *appliance) { a.on(postTx, broken) }, calls: []string{logInLine, getTx, postTx, deleteTx},
			check: rest.IsOutcomeUnknown,
		},
		"411 is not a lock": {
			set:   func(a *appliance) { a.on(postTx, reply(http.StatusLengthRequired, "")) },
			calls: []string{logInLine, getTx, postTx},
			check: func(err error) bool { return !sps.IsLocked(err) && rest.IsRejected(err) },
		},
		"no right": {
			set:   func(a *appliance) { a.on(postTx, problem(http.StatusForbidden, "Unauthorized", "read only")) },
			calls: []string{logInLine, getTx, postTx},
			check: func(err error) bool {
				return rest.IsForbidden(err) && !sps.IsRefused(err) && !sps.IsCredentialsRefused(err)
			},
		},
		"an answer without a status": {
			set: func(a *appliance) { a.on(getTx, reply(200, `{}`)) }, calls: []string{logInLine, getTx}, check: isMalformed,
		},
		"a fresh session that is not accepted": {
			set:   func(a *appliance) { a.on(getTx, problem(401, "Unauthenticated", "no")) },
			calls: []string{logInLine, getTx}, check: rest.IsUnauthorized,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			if tc.set != nil {
				tc.set(a)
			}
			tx, err := a.client(nil).Begin(t.Context())
			if tc.check == nil && err != nil || tc.check != nil && (!tc.check(err) || tx != nil) {
				t.Errorf("got %v", err)
			}
			for _, c := range a.want(tc.calls...) {
				if length := c.Header.Get("Content-Length"); c.Line == postTx && length != "0" {
					t.Errorf("POST with Content-Length %q", length)
				}
			}
		})
	}
}

// transient is an error that no predicate matches.
func transient(err error) bool {
	return rest.As(err) != nil && !sps.IsLocked(err) && !sps.IsTransactionLost(err) && !sps.IsRefused(err) &&
		!sps.IsCommitConflict(err) && !sps.IsCredentialsRefused(err)
}

func TestALockNamesItsHolder(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ error, want string }{
		"in the details":       {error: `{"details":{"holder":"admin","via":"ui"}}`, want: "admin"},
		"deep in the details":  {error: `{"details":{"lock":{"username":"a b"}}}`, want: "a b"},
		"in the message":       {error: `{"message":"The configuration is locked by user 'root'."}`, want: "root"},
		"at the end":           {error: `{"message":"Held by DOM\\bob."}`, want: `DOM\bob`},
		"nowhere":              {error: `{"message":"busy"}`},
		"in a text":            {error: `"locked by you"`},
		"in an unknown member": {error: `{"details":{"resource":"/api/transaction"}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(postTx, reply(http.StatusConflict, `{"error":`+tc.error+`}`))
			_, err := a.client(nil).Begin(t.Context())
			var locked *sps.LockedError
			if !errors.As(err, &locked) || locked.Holder != tc.want {
				t.Errorf("got %v, holder %+v, want %q", err, locked, tc.want)
			}
			if !rest.IsConflict(err) {
				t.Error("the answer is lost")
			}
		})
	}
}

func TestReadersAndTransactionsHaveTheirOwnSessions(t *testing.T) {
	t.Parallel()
	a := withUsers(newAppliance(t))
	client := a.client(nil)
	tx := a.begin(client)
	if _, err := client.List(t.Context(), sps.Users); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := a.want(logInLine, getTx, postTx, logInLine, usersLine, deleteTx)
	want := []string{"", sessionID(1), sessionID(1), "", sessionID(2), sessionID(1)}
	var got []string
	for _, c := range calls {
		got = append(got, c.Cookie)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

func TestASessionServesTheNextTransaction(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	client := a.client(nil)
	if err := a.begin(client).Commit(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	second := a.begin(client)
	a.want(logInLine, getTx, postTx, putTx, getTx, postTx)

	third := a.begin(client) // concurrent with the second, so in its own session
	a.want(logInLine, getTx, postTx)
	for _, tx := range []*sps.Transaction{second, third} {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}
	a.take()

	a.endSessions()
	if err := a.begin(client).Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	a.want(getTx, logInLine, getTx, postTx, deleteTx)

	a.endSessions()
	a.on("GET /api/authentication", problem(http.StatusUnauthorized, "AuthenticationFailure", "changed"))
	if _, err := client.Begin(t.Context()); !sps.IsCredentialsRefused(err) || sps.IsTransactionLost(err) {
		t.Errorf("got %v", err)
	}
	a.want(getTx, logInLine)
}

func TestWrites(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.on(postRDP, created("k1"))
	a.on(putRDP, reply(http.StatusOK, `{"key":"k1"}`))
	a.on("DELETE "+rdpPath+"/k1", reply(http.StatusNoContent, ""))
	a.on("POST /api/configuration/passwords", created("p1"))
	a.on("GET "+rdpPath+"/k1", reply(200, object("k1", `{"name":"a"}`)))
	tx := a.begin(a.client(nil))
	a.take()
	ctx := t.Context()

	key, err := tx.Create(ctx, sps.RDPConnections, body(t, `{"name":"a","n":1.0,"none":null}`))
	if key != "k1" || err != nil {
		t.Errorf("create: %q, %v", key, err)
	}
	if err := tx.Replace(ctx, sps.RDPConnections, "k1", sps.Body{"name": "b"}); err != nil {
		t.Error(err)
	}
	if got, err := tx.Get(ctx, sps.RDPConnections, "k1"); err != nil || got.Name() != "a" {
		t.Errorf("get: %v, %v", got, err)
	}
	if key, err := tx.CreatePassword(ctx, "pässword"); key != "p1" || err != nil {
		t.Errorf("password: %q, %v", key, err)
	}
	if err := tx.Delete(ctx, sps.RDPConnections, "k1"); err != nil {
		t.Error(err)
	}
	if tx.Writes() != 4 {
		t.Errorf("%d writes", tx.Writes())
	}
	calls := a.want(postRDP, putRDP, "GET "+rdpPath+"/k1", "POST /api/configuration/passwords", "DELETE "+rdpPath+"/k1")
	var bodies []string
	for _, c := range calls {
		bodies = append(bodies, c.Header.Get("Content-Type")+c.Body)
	}
	want := []string{
		`application/json{"n":1.0,"name":"a","none":null}`, `application/json{"name":"b"}`, ``,
		`application/json{"plain":"pässword"}`, ``,
	}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
}

// verdict is the result of the predicates for a write.
type verdict struct {
	Locked, Lost, Refused, Unknown bool
	Writes                         int
}

func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer http.HandlerFunc
		second bool // after a write that was accepted
		want   verdict
	}{
		"400":                      {answer: problem(400, "SemanticError", "no"), want: verdict{Refused: true}},
		"422":                      {answer: problem(422, "X", "no"), want: verdict{Refused: true}},
		"403":                      {answer: problem(403, "Unauthorized", "no"), want: verdict{Refused: true}},
		"404":                      {answer: problem(404, "NotFound", "no"), want: verdict{Refused: true}},
		"401":                      {answer: problem(401, "Unauthenticated", "no"), want: verdict{Lost: true}},
		"409 NoTransaction":        {answer: problem(409, "NoTransaction", "no"), want: verdict{Lost: true}},
		"409":                      {answer: problem(409, "Whatever", "no"), want: verdict{Locked: true}},
		"409 at the second write":  {answer: problem(409, "Whatever", "no"), second: true, want: verdict{Writes: 1}},
		"423":                      {answer: reply(423, ""), want: verdict{Locked: true}},
		"423 at the second write":  {answer: reply(423, ""), second: true, want: verdict{Locked: true, Writes: 1}},
		"503":                      {answer: reply(503, ""), want: verdict{Locked: true, Unknown: true, Writes: 1}},
		"503 at the second write":  {answer: reply(503, ""), second: true, want: verdict{Unknown: true, Writes: 2}},
		"500":                      {answer: problem(500, "X", "no"), want: verdict{Unknown: true, Writes: 1}},
		"no answer":                {answer: broken, want: verdict{Unknown: true, Writes: 1}},
		"an answer without a key":  {answer: reply(201, `{}`), want: verdict{Unknown: true, Writes: 1}},
		"an answer that is a page": {answer: reply(200, `<html>`), want: verdict{Unknown: true, Writes: 1}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(postRDP, tc.answer)
			a.on(putRDP, reply(http.StatusOK, `{}`))
			tx := a.begin(a.client(nil))
			if tc.second {
				if err := tx.Replace(t.Context(), sps.RDPConnections, "k1", sps.Body{}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := tx.Create(t.Context(), sps.RDPConnections, sps.Body{"name": "a"})
			got := verdict{
				Locked: sps.IsLocked(err), Lost: sps.IsTransactionLost(err), Refused: sps.IsRefused(err),
				Unknown: rest.IsOutcomeUnknown(err), Writes: tx.Writes(),
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if got := a.count(logInLine); got != 1 {
				t.Errorf("%d log-ins", got)
			}
		})
	}
}

func TestATransactionIsLostWithItsSession(t *testing.T) {
	t.Parallel()
	calls := map[string]func(context.Context, *sps.Transaction) error{
		"list": func(ctx context.Context, tx *sps.Transaction) error { _, err := tx.List(ctx, sps.Users); return err },
		"get": func(ctx context.Context, tx *sps.Transaction) error {
			_, err := tx.Get(ctx, sps.Users, "k")
			return err
		},
		"delete":  func(ctx context.Context, tx *sps.Transaction) error { return tx.Delete(ctx, sps.Users, "k") },
		"changes": func(ctx context.Context, tx *sps.Transaction) error { return tx.Verify(ctx) },
		"commit":  func(ctx context.Context, tx *sps.Transaction) error { return tx.Commit(ctx, "") },
	}
	for name, do := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			tx := a.begin(a.client(nil))
			a.endSessions()
			if err := do(t.Context(), tx); !sps.IsTransactionLost(err) || sps.IsCommitConflict(err) || sps.IsRefused(err) {
				t.Errorf("got %v", err)
			}
			if err := tx.Rollback(t.Context()); err != nil { // it has already ended
				t.Error(err)
			}
			if got := a.count(logInLine); got != 1 {
				t.Errorf("%d log-ins", got)
			}
		})
	}
}
