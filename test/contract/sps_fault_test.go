// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const htmlPage = "<html><head><title>Service</title></head><body>try again later</body></html>"

// troubles are ways in which a response gets lost or corrupted. The request may have been carried out.
func troubles() map[string]fault.Rule {
	html := map[string]string{"Content-Type": "text/html"}
	return map[string]fault.Rule{
		"cut before":        {Drop: fault.DropBefore},
		"cut after":         {Drop: fault.DropAfter},
		"half an answer":    {Drop: fault.DropHalf},
		"500 and HTML":      {Status: 500, Header: html, Body: htmlPage},
		"502 and HTML":      {Status: 502, Header: html, Body: htmlPage},
		"504 and nothing":   {Status: 504},
		"503, half of JSON": {Status: 503, Body: `{"error":{"type":"Ser`},
		"200 and HTML":      {Status: 200, Header: html, Body: htmlPage},
	}
}

// spsWrite is a modifying call, and the requests that trouble strikes.
type spsWrite struct {
	method, path string
	call         func(a *appliance, tx *sps.Transaction, key string) error
}

func spsWrites() map[string]spsWrite {
	return map[string]spsWrite{
		"create": {"POST", "^/api/configuration/", func(a *appliance, tx *sps.Transaction, _ string) error {
			_, err := tx.Create(a.Context(), sps.Groups, group(uniqueName("trouble")))
			return err
		}},
		"replace": {"PUT", "^/api/configuration/", func(a *appliance, tx *sps.Transaction, key string) error {
			return tx.Replace(a.Context(), sps.Groups, key, group(uniqueName("trouble")))
		}},
		"delete": {"DELETE", "^/api/configuration/", func(a *appliance, tx *sps.Transaction, key string) error {
			return tx.Delete(a.Context(), sps.Groups, key)
		}},
		"commit": {"PUT", "^/api/transaction$", func(a *appliance, tx *sps.Transaction, _ string) error {
			return tx.Commit(a.Context(), "")
		}},
	}
}

func TestSPSTroubleOnTheWayOfAWrite(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		key := a.create(sps.Groups, group(uniqueName("trouble")))
		for trouble, rule := range troubles() {
			for name, write := range spsWrites() {
				tx := a.begin(a.client)
				a.add(tx, sps.Groups, group(uniqueName("trouble"))) // what follows is not the first write
				rule.Name, rule.Method, rule.Path = "trouble", write.method, write.path
				a.fail(rule)
				err := write.call(a, tx, key)
				a.sim.Faults().Clear()
				a.wantTransient(name+", "+trouble, err)
				a.want("of unknown outcome: "+name+", "+trouble, rest.IsOutcomeUnknown, err)
				a.must(tx.Rollback(a.Context()))
				a.wantFree()
			}
		}
		_, err := a.client.Get(a.Context(), sps.Groups, key)
		a.must(err) // there are no partial deletions
	})
}

// wantTransient checks that an error blames neither the content nor the credentials nor the transaction.
func (a *appliance) wantTransient(what string, err error) {
	a.Helper()
	is := map[string]bool{
		"nothing": err == nil, "a refusal": sps.IsRefused(err), "a lock": sps.IsLocked(err),
		"a lost transaction": sps.IsTransactionLost(err), "a conflict": sps.IsCommitConflict(err),
		"a refusal of credentials": sps.IsCredentialsRefused(err), "not found": rest.IsNotFound(err),
	}
	for name, taken := range is {
		if taken {
			a.Errorf("%s: %v is treated as %s", what, err, name)
		}
	}
}

func TestSPSTroubleOnTheWayOfARead(t *testing.T) {
	rules := troubles()
	rules["200 and nothing"] = fault.Rule{Status: 200}
	rules["200 and another object"] = fault.Rule{Status: 200, Body: "{}"}
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		key := a.create(sps.Groups, group(uniqueName("trouble")))
		tx := a.begin(a.client)
		reads := map[string]func() error{
			"info":                func() error { _, err := a.client.Info(a.Context()); return err },
			"list":                func() error { _, err := a.client.List(a.Context(), sps.Groups); return err },
			"get":                 func() error { _, err := a.client.Get(a.Context(), sps.Groups, key); return err },
			"list in transaction": func() error { _, err := tx.List(a.Context(), sps.Groups); return err },
			"changes":             func() error { return tx.Verify(a.Context()) },
			"sessions":            func() error { _, err := a.client.ActiveSessions(a.Context(), ""); return err },
		}
		for trouble, rule := range rules {
			rule.Name, rule.Method, rule.Path = "trouble", "GET", "^/api/(info|configuration|transaction/changes|audit)"
			for name, read := range reads {
				a.fail(rule)
				err := read()
				a.sim.Faults().Clear()
				a.wantTransient(name+", "+trouble, err)
				if err := read(); err != nil {
					a.Errorf("%s, after %s: %v", name, trouble, err)
				}
			}
		}
		a.must(tx.Rollback(a.Context()))
	})
}

func TestSPSTroubleAtTheLogIn(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		for trouble, rule := range troubles() {
			client := a.connect()
			rule.Name, rule.Path = "trouble", "^/api/authentication"
			a.fail(rule)
			_, err := client.Info(a.Context())
			a.wantTransient("log-in, "+trouble, err)
			_, err = client.Begin(a.Context())
			if err == nil || sps.IsRefused(err) || sps.IsCredentialsRefused(err) || rest.IsOutcomeUnknown(err) {
				a.Errorf("%s: %v, want an error that says nothing was done", trouble, err)
			}
			a.sim.Faults().Clear()
			if _, err = client.Info(a.Context()); err != nil {
				a.Errorf("log-in, after %s: %v", trouble, err)
			}
		}
	})
}

func TestSPSTroubleAtTheOpening(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		for trouble, rule := range troubles() {
			rule.Name, rule.Method, rule.Path = "trouble", "POST", "^/api/transaction$"
			a.fail(rule)
			_, err := a.client.Begin(a.Context())
			a.sim.Faults().Clear()
			a.want("of unknown outcome: "+trouble, rest.IsOutcomeUnknown, err)
			if sps.IsRefused(err) || sps.IsTransactionLost(err) || sps.IsLocked(err) && rule.Status != 503 {
				a.Errorf("%s: %v is treated as something else", trouble, err)
			}
			a.wantFree()
		}
		a.create(sps.Groups, group(uniqueName("trouble")))
	})
}

// TestSPSCommitWhoseAnswerIsLost covers both outcomes of an unknown commit: only the configuration shows which.
func TestSPSCommitWhoseAnswerIsLost(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		for drop, done := range map[fault.Drop]bool{fault.DropBefore: false, fault.DropAfter: true, fault.DropHalf: true} {
			tx := a.begin(a.client)
			key := a.add(tx, sps.Groups, group(uniqueName("commit")))
			a.fail(fault.Rule{Name: "cut", Method: "PUT", Path: "^/api/transaction$", Drop: drop})
			err := tx.Commit(a.Context(), "")
			a.sim.Faults().Clear()
			a.want("of unknown outcome", rest.IsOutcomeUnknown, err)
			a.must(tx.Rollback(a.Context()))
			a.wantFree()
			_, err = a.client.Get(a.Context(), sps.Groups, key)
			if exists := err == nil; exists != done {
				a.Errorf("cut %s: the object exists: %t, want %t", drop, exists, done)
			}
		}
	})
}
