// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// wantChanges compares what a commit would do; each line is a type and the end of a path.
func (a *appliance) wantChanges(tx *sps.Transaction, want ...string) {
	a.Helper()
	changes, err := tx.Changes(a.Context())
	a.must(err)
	var got []string
	for _, change := range changes {
		const root = "/api/configuration/"
		if !strings.HasPrefix(change.Path, root) {
			a.Errorf("path %q is not below %s", change.Path, root)
		}
		got = append(got, change.Type+" "+strings.TrimPrefix(change.Path, root))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		a.Errorf("changes (-want +got):\n%s", diff)
	}
	a.must(tx.Verify(a.Context()))
}

func TestSPSLifeOfAnObject(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		first, second := group(uniqueName("life")), group(uniqueName("life"))
		tx := a.begin(a.client)
		a.wantChanges(tx)
		key := a.add(tx, sps.Groups, first)
		path := string(sps.Groups) + "/" + key
		a.wantChanges(tx, "create "+path)
		inside, err := tx.Get(a.Context(), sps.Groups, key)
		a.must(err)
		if diff := cmp.Diff(first, sps.Dereference(inside.Body)); diff != "" {
			a.Errorf("uncommitted object (-want +got):\n%s", diff)
		}
		a.must(tx.Replace(a.Context(), sps.Groups, key, second))
		a.wantChanges(tx, "create "+path)
		if tx.Writes() != 2 {
			a.Errorf("%d writes, want 2", tx.Writes())
		}
		a.must(tx.Commit(a.Context(), "contract test"))
		a.Cleanup(func() {
			if a.isReal() {
				a.removeLater(sps.Groups, key)
			}
		})
		a.wantFree()
		a.wantBody(sps.Groups, key, second)
		if _, err := tx.Get(a.Context(), sps.Groups, key); err == nil {
			a.Error("a transaction goes on after its commit")
		}

		tx = a.begin(a.client)
		a.must(tx.Replace(a.Context(), sps.Groups, key, first))
		a.wantChanges(tx, "replace "+path)
		a.must(tx.Commit(a.Context(), "contract test"))
		a.wantBody(sps.Groups, key, first)

		tx = a.begin(a.client)
		a.must(tx.Delete(a.Context(), sps.Groups, key))
		a.wantChanges(tx, "delete "+path)
		_, err = tx.Get(a.Context(), sps.Groups, key)
		a.want("not found", rest.IsNotFound, err)
		a.must(tx.Rollback(a.Context()))
		a.wantFree()
		a.wantBody(sps.Groups, key, first)

		a.commit(func(tx *sps.Transaction) { a.must(tx.Delete(a.Context(), sps.Groups, key)) })
		_, err = a.client.Get(a.Context(), sps.Groups, key)
		a.want("not found", rest.IsNotFound, err)
	})
}

func TestSPSIsolation(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		tx := a.begin(a.client)
		key := a.add(tx, sps.Groups, group(uniqueName("isolated")))
		for who, client := range map[string]*sps.Client{"our reader": a.client, "another client": a.connect()} {
			_, err := client.Get(a.Context(), sps.Groups, key)
			a.want("not found, for "+who, rest.IsNotFound, err)
			objects, err := client.List(a.Context(), sps.Groups)
			a.must(err)
			for _, object := range objects {
				if object.Key == key {
					a.Errorf("%s lists what is not committed", who)
				}
			}
		}
		objects, err := tx.List(a.Context(), sps.Groups)
		a.must(err)
		if last := objects[len(objects)-1]; last.Key != key {
			a.Errorf("the transaction lists %q last, want its own %q", last.Key, key)
		}
		a.must(tx.Rollback(a.Context()))
		a.must(tx.Rollback(a.Context())) // retryable
		_, err = a.client.Get(a.Context(), sps.Groups, key)
		a.want("not found", rest.IsNotFound, err)
	})
}

func TestSPSChangesOfOthersInsideTheTransaction(t *testing.T) {
	details := map[string]func(*simsps.Switches){
		"objects":            func(*simsps.Switches) {},
		"members and orders": func(s *simsps.Switches) { s.MemberChanges, s.ReorderChanges = true, true },
	}
	onSimulatedSPS(t, needsPerson, func(a *appliance) {
		for name, change := range details {
			a.run(name, func(a *appliance) {
				a.set(change)
				var key string
				a.commit(func(tx *sps.Transaction) { key = a.add(tx, sps.Groups, group(uniqueName("changes"))) })
				user := a.createUser(uniqueName("changes"), "first")
				a.commit(func(tx *sps.Transaction) {
					a.must(tx.Replace(a.Context(), sps.Groups, key, group(uniqueName("changes"), user)))
				})
				a.changePassword(user, "second")
				tx := a.begin(a.client)
				a.must(tx.Delete(a.Context(), sps.Groups, key))
				a.must(tx.Verify(a.Context()))
				a.sim.PutIntoTransactions("rdp/options", "", map[string]any{"service": map[string]any{"enabled": true}})
				foreign, ok := errors.AsType[*sps.ForeignChangesError](tx.Verify(a.Context()))
				if !ok || len(foreign.Paths) == 0 || !strings.Contains(foreign.Paths[0], "rdp/options") {
					a.Errorf("error %v, want one that names rdp/options", foreign)
				}
				a.must(tx.Rollback(a.Context()))
			})
		}
	})
}

func TestSPSCommitMessage(t *testing.T) {
	demands := map[string]func(a *appliance){
		"an appliance that takes the member of the vendor's prose": func(a *appliance) {
			a.set(func(s *simsps.Switches) { s.CommitMessageMembers = []string{"commit_message"} })
		},
		"an appliance that takes the other member": func(a *appliance) {
			a.set(func(s *simsps.Switches) { s.CommitMessageMembers = []string{"message"} })
		},
		"an appliance that demands it by its configuration": func(a *appliance) {
			a.sim.Put("management/accounting", "", map[string]any{"require_commitlog": true})
		},
	}
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.RequireCommitMessage = true })
		for name, demand := range demands {
			a.run(name, func(a *appliance) {
				demand(a)
				a.client = a.connect()
				for range 2 {
					a.create(sps.Groups, group(uniqueName("message"))) // before 8.0, a message would be refused
				}
				a.wantFree()
			})
		}
		if a.version == "8.0" {
			tx := a.begin(a.client)
			a.add(tx, sps.Groups, group(uniqueName("message")))
			err := tx.Commit(a.Context(), "")
			a.want("a refusal", sps.IsRefused, err)
			a.must(tx.Rollback(a.Context()))
		}
		a.wantFree()
	})
}

func TestSPSTransactionsSideBySide(t *testing.T) {
	onSimulatedSPS(t, "would lock others out of the configuration", func(a *appliance) {
		ours := a.begin(a.client)
		a.add(ours, sps.Groups, group(uniqueName("beside")))
		other := a.connect()
		theirs, err := other.Begin(a.Context())
		if a.version == "6.0" {
			a.want("locked", sps.IsLocked, err)
			locked, _ := errors.AsType[*sps.LockedError](err)
			if locked.Holder != simsps.DefaultUser {
				a.Errorf("the holder is %q, want %q", locked.Holder, simsps.DefaultUser)
			}
			a.must(ours.Rollback(a.Context()))
			theirs = a.begin(other)
		} else {
			a.must(err)
			a.must(ours.Commit(a.Context(), ""))
		}
		a.add(theirs, sps.Groups, group(uniqueName("beside")))
		a.must(theirs.Commit(a.Context(), ""))
		a.wantFree()
	})
}

func TestSPSWhatACrashLeavesBehind(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		a.add(a.begin(a.connect()), sps.Groups, group(uniqueName("crash"))) // and nothing more
		if a.version == "6.0" {
			_, err := a.client.Begin(a.Context())
			a.want("locked", sps.IsLocked, err)
		}
		a.clock.Step(11 * time.Minute) // longer than a log-in session may be idle
		a.create(sps.Groups, group(uniqueName("crash")))
		a.wantFree()
	})
}

func TestSPSRollBackThatDoesNotArrive(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		tx := a.begin(a.client)
		key := a.add(tx, sps.Groups, group(uniqueName("lost")))
		a.fail(fault.Rule{Name: "cut", Method: "DELETE", Path: "^/api/transaction$", Drop: fault.DropBefore, Times: 1})
		if err := tx.Rollback(a.Context()); err == nil || sps.IsRefused(err) {
			a.Fatalf("error %v, want one that says nothing is known", err)
		}
		next := a.begin(a.client)
		a.wantChanges(next) // the rest is gone
		_, err := next.Get(a.Context(), sps.Groups, key)
		a.want("not found", rest.IsNotFound, err)
		a.must(tx.Rollback(a.Context())) // no longer its concern
		a.add(next, sps.Groups, group(uniqueName("lost")))
		a.must(next.Commit(a.Context(), ""))
		a.wantFree()
	})
}

func TestSPSOpenTransactionOfOurOwn(t *testing.T) {
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		for _, status := range []int{409, 200} { // the response to a second POST of a transaction
			a.set(func(s *simsps.Switches) { s.ReopenStatus = status })
			a.fail(fault.Rule{Name: "cut", Method: "POST", Path: "^/api/transaction$", Drop: fault.DropAfter, Times: 1})
			_, err := a.client.Begin(a.Context())
			a.want("of unknown outcome", rest.IsOutcomeUnknown, err)
			a.wantFree() // it was opened and rolled back
			a.create(sps.Groups, group(uniqueName("reopen")))
		}
	})
}
