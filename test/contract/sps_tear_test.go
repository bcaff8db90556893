// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// forms are the ways in which an appliance may list what a commit would change.
var forms = map[string]func(*simsps.Switches){
	"objects":            func(*simsps.Switches) {},
	"collections":        func(s *simsps.Switches) { s.Changes = simsps.ChangesCollections },
	"members and orders": func(s *simsps.Switches) { s.MemberChanges, s.ReorderChanges = true, true },
	"no list":            func(s *simsps.Switches) { s.Changes = simsps.ChangesNone },
}

// TestSPSATransactionIsCommittedAsAWholeOrNotAtAll drops a transaction, which creates, changes and deletes one object
// each and a user with a password, before each of its requests.
func TestSPSATransactionIsCommittedAsAWholeOrNotAtAll(t *testing.T) {
	onSimulatedSPS(t, needsPerson, func(a *appliance) {
		for form, set := range forms {
			a.run(form, func(a *appliance) {
				a.set(set)
				defer a.set(func(s *simsps.Switches) {
					s.Changes, s.MemberChanges, s.ReorderChanges = simsps.ChangesObjects, false, false
				})
				for at := 1; ; at++ {
					if a.tearAt(at) {
						break
					}
				}
			})
		}
	})
}

// tearAt drops the transaction before the given request. It reports whether there were fewer requests than that.
func (a *appliance) tearAt(at int) (over bool) {
	a.Helper()
	w := a.newWork()
	before := a.accounts()
	var requests atomic.Int64
	a.sim.Faults().OnRequest(func(*http.Request) {
		if requests.Add(1) == int64(at) {
			a.sim.DropTransactions()
		}
	})
	tx, err := a.client.Begin(a.Context())
	a.must(err)
	err = w.do(a, tx)
	if err == nil {
		err = tx.Verify(a.Context())
	}
	if err == nil {
		err = tx.Commit(a.Context(), "")
	}
	a.sim.Faults().OnRequest(nil)
	if err == nil {
		w.wantAll(a, at)
	} else {
		if !sps.IsTorn(err) && !sps.IsTransactionLost(err) || sps.IsRefused(err) {
			a.Errorf("dropped before request %d: %v", at, err)
		}
		a.must(tx.Rollback(a.Context()))
		if diff := cmp.Diff(before, a.accounts()); diff != "" {
			a.Errorf("dropped before request %d, and committed in part (-before +after):\n%s", at, diff)
		}
	}
	a.wantFree()
	return requests.Load() < int64(at)
}

// accounts are the committed users and groups.
func (a *appliance) accounts() string {
	a.Helper()
	text, err := json.Marshal([][]simsps.Object{a.sim.Objects(string(sps.Users)), a.sim.Objects(string(sps.Groups))})
	a.must(err)
	return string(text)
}

// work is what is done in the transaction.
type work struct {
	made, changed, deleted, user, member string
	keys                                 struct{ changed, deleted, member string }
}

func (a *appliance) newWork() *work {
	a.Helper()
	w := &work{
		made: uniqueName("made"), changed: uniqueName("changed"), deleted: uniqueName("deleted"), user: uniqueName("user"),
		member: uniqueName("member"),
	}
	w.keys.member = a.createUser(w.member, "first")
	a.commit(func(tx *sps.Transaction) {
		w.keys.changed = a.add(tx, sps.Groups, group(w.changed))
		w.keys.deleted = a.add(tx, sps.Groups, group(w.deleted))
	})
	return w
}

func (w *work) do(a *appliance, tx *sps.Transaction) error {
	ctx := a.Context()
	_, err := tx.Create(ctx, sps.Groups, group(w.made))
	if err != nil {
		return err
	}
	password, err := tx.CreatePassword(ctx, a.secret("second"))
	if err != nil {
		return err
	}
	user, err := tx.Create(ctx, sps.Users, a.wire(sps.User{Name: &w.user, Password: &password}))
	if err != nil {
		return err
	}
	return errors.Join(
		tx.Replace(ctx, sps.Groups, w.keys.changed, group(w.changed, w.keys.member, user)),
		tx.Delete(ctx, sps.Groups, w.keys.deleted),
	)
}

func (w *work) wantAll(a *appliance, at int) {
	a.Helper()
	names := map[string]sps.Collection{w.made: sps.Groups, w.user: sps.Users, w.changed: sps.Groups}
	for name, collection := range names {
		if !a.hasName(collection, name) {
			a.Errorf("dropped before request %d, and committed without %s", at, name)
		}
	}
	if a.hasName(sps.Groups, w.deleted) {
		a.Errorf("dropped before request %d, and committed without the deletion", at)
	}
	if members, _ := a.body(sps.Groups, w.keys.changed)["members"].([]any); len(members) != 2 {
		a.Errorf("dropped before request %d, and committed without the change: %v", at, members)
	}
}

func (a *appliance) hasName(collection sps.Collection, name string) bool {
	for _, o := range a.sim.Objects(string(collection)) {
		if fmt.Sprint(o.Body["name"]) == name {
			return true
		}
	}
	return false
}

// TestSPSAReplaceThatIsNormalisedAwayIsNoLoss has an appliance that normalises what is sent into what already exists.
func TestSPSAReplaceThatIsNormalisedAwayIsNoLoss(t *testing.T) {
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.NormaliseNetworks = true })
		managed := rdp(sps.ConnectionPolicy{Network: &sps.Network{Targets: []string{"10.30.255.28/24"}}})
		key := a.create(sps.RDPConnections, a.policy(uniqueName("normalised"), managed))
		for form, set := range forms {
			a.run(form, func(a *appliance) {
				a.set(set)
				tx := a.begin(a.client)
				current, err := tx.Get(a.Context(), sps.RDPConnections, key)
				a.must(err)
				body := sps.Overlay(sps.Dereference(current.Body), a.wire(managed), nil)
				a.must(tx.Replace(a.Context(), sps.RDPConnections, key, body))
				a.must(tx.Verify(a.Context()))
				a.must(tx.Commit(a.Context(), ""))
				a.wantFree()
			})
		}
	})
}
