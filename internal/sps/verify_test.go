// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const (
	getN1  = "GET /api/configuration/rdp/connections/n1"
	getU1  = "GET /api/configuration/aaa/local_database/users/u1"
	putU1  = "PUT /api/configuration/aaa/local_database/users/u1"
	getG1  = "GET /api/configuration/aaa/local_database/groups/g1"
	getP1  = "GET /api/configuration/passwords/p1"
	stored = `{"name":"u","password":{"key":"p1","meta":{}}}`
	before = `{"name":"u","password":{"key":"p0","meta":{}}}`
)

// tornPath is the path that a TornTransactionError names, empty for any other error.
func tornPath(err error) string {
	if torn, ok := errors.AsType[*sps.TornTransactionError](err); ok {
		return torn.Path
	}
	return ""
}

// TestVerifyMissesWhatIsLost is about the transaction of TestVerify, whose list of changes is incomplete.
func TestVerifyMissesWhatIsLost(t *testing.T) {
	t.Parallel()
	const conf = "/api/configuration/"
	var (
		created  = change("create", conf+"rdp/connections/n1")
		secret   = change("create", conf+"passwords/p1")
		replaced = change("replace", conf+"aaa/local_database/users/u1")
		deleted  = change("delete", conf+"aaa/local_database/groups/g1")
		gone     = problem(404, "NotFound", "no")
		here     = func(key, body string) http.HandlerFunc { return reply(200, object(key, body)) }
	)
	tests := map[string]struct {
		list   http.HandlerFunc
		routes map[string]http.HandlerFunc
		torn   string
		check  func(error) bool
	}{
		"a create is lost": {
			list: changes(secret, replaced, deleted), routes: map[string]http.HandlerFunc{getN1: gone},
			torn: "rdp/connections/n1",
		},
		"a create is shown in another form, and is there": {
			list: changes(change("create", conf+"rdp/connections"), secret, replaced, deleted),
		},
		"a delete is lost": {
			list: changes(created, secret, replaced), routes: map[string]http.HandlerFunc{getG1: here("g1", "{}")},
			torn: "aaa/local_database/groups/g1",
		},
		"a delete is not shown, and the object is not there": {list: changes(created, secret, replaced)},
		"something else happened to what was deleted": {
			list:   changes(created, secret, replaced, change("replace", conf+"aaa/local_database/groups/g1")),
			routes: map[string]http.HandlerFunc{getG1: here("g1", "{}")},
			torn:   "aaa/local_database/groups/g1",
		},
		"what was replaced would be deleted": {
			list:   changes(created, secret, change("delete", conf+"aaa/local_database/users/u1"), deleted),
			routes: map[string]http.HandlerFunc{getU1: gone},
			torn:   "aaa/local_database/users/u1",
		},
		"a replace is not shown, and the object shows what was sent": {list: changes(created, secret, deleted)},
		"a replace is lost: sent again, it has an effect": {
			list: changes(created, secret, deleted),
			routes: map[string]http.HandlerFunc{
				getU1: inTurn(here("u1", before), here("u1", stored)), putU1: reply(200, "{}"),
			},
			torn: "aaa/local_database/users/u1",
		},
		"a replace is lost: sent again, it is refused": {
			list: changes(created, secret, deleted),
			routes: map[string]http.HandlerFunc{
				getU1: here("u1", before), putU1: problem(400, "SemanticError", "no password p1"),
			},
			torn: "aaa/local_database/users/u1",
		},
		"a replace has no effect: the appliance normalizes it to what was there": {
			list: changes(created, secret, deleted), routes: map[string]http.HandlerFunc{getU1: here("u1", before)},
		},
		"the transaction is torn by the time of the question whether a replace has an effect": {
			list: inTurn(changes(created, secret, deleted), changes(secret)),
			routes: map[string]http.HandlerFunc{
				getU1: here("u1", before), getN1: gone,
			},
			torn: "rdp/connections/n1",
		},
		"a password is shown by its user alone": {list: changes(created, replaced, deleted)},
		"no list, and all is there":             {list: problem(404, "NotFound", "no")},
		"no list, and the create is lost": {
			list: problem(405, "X", "no"), routes: map[string]http.HandlerFunc{getN1: gone}, torn: "rdp/connections/n1",
		},
		"what is missing cannot be read": {
			list: changes(secret, replaced, deleted), routes: map[string]http.HandlerFunc{getN1: problem(500, "X", "no")},
			check: func(err error) bool { return rest.As(err) != nil && !sps.IsTorn(err) },
		},
		"the transaction is gone":    {list: problem(409, "NoTransaction", "no"), check: sps.IsTorn},
		"the log-in session is gone": {list: problem(401, "Unauthenticated", "no"), check: sps.IsTorn},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			tx := writtenTransaction(a)
			a.on(changesLine, tc.list)
			for line, answer := range tc.routes {
				a.on(line, answer)
			}
			err := tx.Verify(t.Context())
			if tc.check != nil {
				if !tc.check(err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if torn := tornPath(err); torn != tc.torn || torn == "" && err != nil {
				t.Errorf("got %v, want what is lost to be %q", err, tc.torn)
			}
		})
	}
}

func TestManyWritesAreConfirmedWithOneList(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.on(postRDP, inTurn(created("n1"), created("n2"), created("n3"), created("n4")))
	a.on(changesLine, changes())
	a.on("GET /api/configuration/rdp/connections", inTurn(
		reply(200, `{"items":[{"key":"n1"},{"key":"n2"},{"key":"n3"},{"key":"n4"},{"key":"other"}]}`),
		reply(200, `{"items":[{"key":"n1"},{"key":"n2"},{"key":"n4"}]}`),
	))
	tx := a.begin(a.client(nil))
	for range 4 {
		if _, err := tx.Create(t.Context(), sps.RDPConnections, sps.Body{}); err != nil {
			t.Fatal(err)
		}
	}
	a.take()
	if err := tx.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	a.want(changesLine, "GET /api/configuration/rdp/connections")
	if err := tx.Verify(t.Context()); tornPath(err) != "rdp/connections/n3" {
		t.Errorf("got %v", err)
	}
}

// TestARefusalAfterATearIsNotItsWritesFault makes the appliance refuse a user whose password, the previous write, is
// lost.
func TestARefusalAfterATearIsNotItsWritesFault(t *testing.T) {
	t.Parallel()
	refusal := problem(400, "SemanticError", "password: there is no object p1")
	tests := map[string]struct {
		password http.HandlerFunc
		list     http.HandlerFunc
		torn     bool
	}{
		"the password is there: the user is to blame": {password: reply(200, `{"key":"p1"}`)},
		"the password is lost": {
			password: problem(404, "NotFound", "no"), list: changes(), torn: true,
		},
		"a password cannot be read, but is listed": {
			password: problem(404, "NotFound", "no"), list: changes(change("create", "/api/configuration/passwords/p1")),
		},
		"a password cannot be read at all": {password: problem(405, "X", "no"), list: changes()},
		"the transaction is gone": {
			password: problem(405, "X", "no"), list: problem(409, "NoTransaction", "no"), torn: true,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on("POST /api/configuration/passwords", created("p1"))
			a.on("POST /api/configuration/aaa/local_database/users", refusal)
			a.on(getP1, tc.password)
			if tc.list != nil {
				a.on(changesLine, tc.list)
			}
			tx := a.begin(a.client(nil))
			if _, err := tx.CreatePassword(t.Context(), "a password"); err != nil {
				t.Fatal(err)
			}
			_, err := tx.Create(t.Context(), sps.Users, sps.Body{"name": "u", "password": "p1"})
			if sps.IsTorn(err) != tc.torn || sps.IsRefused(err) == tc.torn {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheFirstWriteRevealsATear(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.on(postRDP, inTurn(created("n1"), created("n2"), problem(400, "SemanticError", "no")))
	a.on("GET /api/configuration/rdp/connections/n2", reply(200, object("n2", "{}")))
	a.on(changesLine, changes(change("create", "rdp/connections/n2")))
	tx := a.begin(a.client(nil))
	for range 2 {
		if _, err := tx.Create(t.Context(), sps.RDPConnections, sps.Body{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.Create(t.Context(), sps.RDPConnections, sps.Body{}); tornPath(err) != "rdp/connections/n1" {
		t.Errorf("got %v", err)
	}
}

// TestASessionWithARequestInFlightIsRetired: a late request must not arrive in the middle of the next transaction.
func TestASessionWithARequestInFlightIsRetired(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]string{"a write": postRDP, "a commit": putTx} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(postRDP, created("n1"))
			a.on(lost, broken)
			client := a.client(nil)
			tx := a.begin(client)
			_, err := tx.Create(t.Context(), sps.RDPConnections, sps.Body{})
			if lost == putTx {
				err = tx.Commit(t.Context(), "")
			}
			if !rest.IsOutcomeUnknown(err) {
				t.Fatal(err)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.take()
			a.leaveOpen() // it has arrived
			a.begin(client)
			calls := a.want(getTx, deleteTx, logInLine, getTx, postTx)
			if len(calls) == 5 && (calls[1].Cookie != sessionID(1) || calls[4].Cookie != sessionID(2)) {
				t.Error("the next transaction is begun in the same log-in session, or what arrived was not dropped")
			}
		})
	}
}

// TestTheStoredSessionIsBehindTheFence: the session, and the store itself, may belong to the current leader.
func TestTheStoredSessionIsBehindTheFence(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	successor := a.begin(a.client(nil))
	store := &keptSession{cookie: sessionID(1)}
	deposed := errors.New("somebody else leads")
	client := a.client(func(cfg *sps.Config) {
		cfg.Sessions, cfg.Fence = store, func() error { return deposed }
	})
	if err := client.Sweep(t.Context()); !sps.IsFenced(err) {
		t.Errorf("got %v", err)
	}
	if !a.open() {
		t.Error("the successor's transaction was dropped")
	}
	if err := successor.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.cookie = ""
	if _, err := client.Begin(t.Context()); !sps.IsFenced(err) {
		t.Errorf("got %v", err)
	}
	if len(store.saved) > 0 {
		t.Errorf("saved %v", store.saved)
	}
}

func TestNothingIsSentBehindTheFence(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.on(postRDP, created("n1"))
	var deposed error
	client := a.client(func(cfg *sps.Config) { cfg.Fence = func() error { return deposed } })
	tx := a.begin(client)
	if _, err := tx.Create(t.Context(), sps.RDPConnections, sps.Body{}); err != nil {
		t.Fatal(err)
	}
	a.take()
	deposed = errors.New("somebody else leads")
	_, createErr := tx.Create(t.Context(), sps.RDPConnections, sps.Body{})
	_, beginErr := client.Begin(t.Context())
	for name, err := range map[string]error{
		"create": createErr, "begin": beginErr,
		"replace":   tx.Replace(t.Context(), sps.RDPConnections, "k", sps.Body{}),
		"delete":    tx.Delete(t.Context(), sps.RDPConnections, "k"),
		"commit":    tx.Commit(t.Context(), ""),
		"terminate": client.Terminate(t.Context(), "session"),
	} {
		if !sps.IsFenced(err) || rest.IsOutcomeUnknown(err) || sps.IsRefused(err) || !errors.Is(err, deposed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if tx.Writes() != 1 {
		t.Errorf("%d writes", tx.Writes())
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	for _, c := range a.take() {
		if c.Line[:3] != "GET" && c.Line != deleteTx {
			t.Errorf("sent: %s", c.Line)
		}
	}
}
