// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestSPSLockedByAPerson(t *testing.T) {
	vias := map[string]string{"on the web interface": simsps.ViaUI, "by SSH": simsps.ViaSSH}
	answers := map[string]func(*simsps.Switches){
		"as the simulator does":  func(*simsps.Switches) {},
		"by a status of its own": func(s *simsps.Switches) { s.LockStatus, s.LockType = 423, "Whatever" },
		"as unavailable":         func(s *simsps.Switches) { s.LockStatus, s.LockType = 503, "" },
	}
	onSimulatedSPS(t, needsPerson, func(a *appliance) {
		for place, via := range vias {
			for answer, change := range answers {
				a.set(change)
				a.sim.LockBy("maria", via)
				_, err := a.client.Begin(a.Context())
				a.want("locked "+place+", said "+answer, sps.IsLocked, err)
				if sps.IsRefused(err) || sps.IsTransactionLost(err) || sps.IsCommitConflict(err) {
					a.Errorf("%v is also something else", err)
				}
				if locked, _ := errors.AsType[*sps.LockedError](err); locked.Holder != "maria" {
					a.Errorf("the holder is %q, want maria", locked.Holder)
				}
				if _, err := a.client.List(a.Context(), sps.Groups); err != nil {
					a.Errorf("a lock keeps readers out: %v", err)
				}
				a.sim.Unlock()
				a.create(sps.Groups, group(uniqueName("lock")))
			}
		}
	})
}

func TestSPSLockThatShowsAtTheCommit(t *testing.T) {
	onSimulatedSPS(t, needsPerson, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.ForeignLockAt = simsps.AtCommit })
		for _, status := range []int{409, 423, 503} {
			a.set(func(s *simsps.Switches) { s.LockStatus = status })
			tx := a.begin(a.client)
			a.add(tx, sps.Groups, group(uniqueName("lock")))
			a.sim.LockBy("maria", simsps.ViaUI)
			err := tx.Commit(a.Context(), "")
			if !sps.IsLocked(err) || sps.IsRefused(err) || sps.IsTransactionLost(err) {
				a.Errorf("%d: error %v, want a lock", status, err)
			}
			a.must(tx.Rollback(a.Context()))
			a.sim.Unlock()
			a.wantFree()
		}
	})
}

func TestSPSConflictAtTheCommit(t *testing.T) {
	onSimulatedSPS(t, needsPerson, func(a *appliance) {
		name := uniqueName("conflict")
		key := a.create(sps.Groups, group(name))
		user := a.createUser(uniqueName("conflict"), "password")
		edits := map[string]func(){
			"somebody changes the object": func() {
				a.sim.Put(string(sps.Groups), key, map[string]any{"name": name, "members": []any{user}})
			},
			"somebody deletes the object": func() { a.sim.Remove(string(sps.Groups), key) },
		}
		for _, what := range []string{"somebody changes the object", "somebody deletes the object"} {
			tx := a.begin(a.client)
			a.must(tx.Replace(a.Context(), sps.Groups, key, group(name+"-2")))
			edits[what]()
			err := tx.Commit(a.Context(), "")
			a.want("a conflict: "+what, sps.IsCommitConflict, err)
			if sps.IsRefused(err) || sps.IsLocked(err) || rest.IsOutcomeUnknown(err) {
				a.Errorf("%s: %v is also something else", what, err)
			}
			a.must(tx.Rollback(a.Context()))
			a.wantFree()
		}
	})
}

func TestSPSBaseThatMovesElsewhere(t *testing.T) {
	onSimulatedSPS(t, needsPerson, func(a *appliance) {
		for overlap, conflict := range map[string]bool{
			simsps.OverlapRefuse: false, simsps.OverlapLastWriterWins: false, simsps.OverlapRefuseAnyChange: true,
		} {
			a.set(func(s *simsps.Switches) { s.OverlappingCommit = overlap })
			tx := a.begin(a.client)
			a.add(tx, sps.Groups, group(uniqueName("base")))
			theirs := a.sim.Put(string(sps.Groups), "", map[string]any{"name": uniqueName("base"), "members": []any{}})
			a.must(tx.Verify(a.Context()))
			err := tx.Commit(a.Context(), "")
			if sps.IsCommitConflict(err) != conflict || (err != nil) != conflict {
				a.Errorf("%s: error %v, conflict wanted: %t", overlap, err, conflict)
			}
			a.must(tx.Rollback(a.Context()))
			_, err = a.client.Get(a.Context(), sps.Groups, theirs)
			a.must(err)
		}
	})
}

func TestSPSRefusals(t *testing.T) {
	const words = "the retention is longer than the archive's"
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		for _, moment := range []string{simsps.AtWrite, simsps.AtCommit} {
			for _, status := range []int{400, 403, 404, 422} {
				if moment == simsps.AtCommit && status == 404 {
					continue // at a commit it could mean that the transaction is gone
				}
				a.must(a.sim.Refuse(simsps.Refusal{Name: "poison", At: moment, Status: status, Message: words}))
				tx := a.begin(a.client)
				_, err := tx.Create(a.Context(), sps.Groups, group("poison"))
				if moment == simsps.AtCommit {
					a.must(err)
					a.must(tx.Verify(a.Context()))
					err = tx.Commit(a.Context(), "")
				} else if tx.Writes() != 0 {
					a.Errorf("%d writes, want 0: a refused one changes nothing", tx.Writes())
				}
				a.want("a refusal "+moment, sps.IsRefused, err)
				if sps.IsLocked(err) || sps.IsTransactionLost(err) || rest.IsOutcomeUnknown(err) {
					a.Errorf("%s %d: %v is also something else", moment, status, err)
				}
				if !strings.Contains(err.Error(), words) {
					a.Errorf("%v does not quote the appliance's message", err)
				}
				a.must(tx.Rollback(a.Context()))
				a.wantFree()
				a.sim.ClearRefusals()
			}
		}
		if got := len(a.sim.Objects(string(sps.Groups))); got != 8 {
			a.Errorf("%d groups, want the 8 that there were", got)
		}
	})
}

// TestSPSAfterARefusedWrite shows that one refused object does not affect the others in its transaction.
func TestSPSAfterARefusedWrite(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		name := uniqueName("refused")
		taken := a.create(sps.Groups, group(name))
		tx := a.begin(a.client)
		good := a.add(tx, sps.Groups, group(name+"-2"))
		_, err := tx.Create(a.Context(), sps.Groups, sps.Body{"name": 7})
		a.want("a refusal", sps.IsRefused, err)
		err = tx.Replace(a.Context(), sps.Groups, "00000000000000000000aa", group(name+"-3"))
		a.want("a refusal", sps.IsRefused, err)
		err = tx.Delete(a.Context(), sps.Groups, "00000000000000000000aa")
		a.want("a refusal", sps.IsRefused, err)
		if !a.isReal() { // uniqueness of names is inferred
			_, err = tx.Create(a.Context(), sps.Groups, group(name))
			a.want("a refusal", sps.IsRefused, err)
		}
		a.must(tx.Delete(a.Context(), sps.Groups, taken))
		a.must(tx.Delete(a.Context(), sps.Groups, good))
		a.must(tx.Verify(a.Context()))
		a.must(tx.Commit(a.Context(), "contract test"))
		a.wantFree()
	})
}

func TestSPSUserWhoMayOnlyRead(t *testing.T) {
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.ReadOnlyUsers = []string{simsps.DefaultUser} })
		_, err := a.client.Begin(a.Context())
		a.want("forbidden", rest.IsForbidden, err)
		if sps.IsLocked(err) || sps.IsCredentialsRefused(err) || sps.IsTransactionLost(err) {
			a.Errorf("%v is also something else", err)
		}
		_, err = a.client.List(a.Context(), sps.Groups)
		a.must(err)
		a.wantFree()
	})
}

func TestSPSLostSessionInsideATransaction(t *testing.T) {
	ends := map[string]func(a *appliance){
		"the appliance restarts":           func(a *appliance) { a.sim.LogOutAll() },
		"the session idles for too long":   func(a *appliance) { a.clock.Step(11 * time.Minute) },
		"the cookie has lived twelve hour": func(a *appliance) { a.clock.Step(12 * time.Hour) },
	}
	calls := map[string]func(a *appliance, tx *sps.Transaction) error{
		"a read":   func(a *appliance, tx *sps.Transaction) error { _, err := tx.List(a.Context(), sps.Groups); return err },
		"a verify": func(a *appliance, tx *sps.Transaction) error { return tx.Verify(a.Context()) },
		"a commit": func(a *appliance, tx *sps.Transaction) error { return tx.Commit(a.Context(), "") },
		"a write": func(a *appliance, tx *sps.Transaction) error {
			_, err := tx.Create(a.Context(), sps.Groups, group(uniqueName("lost")))
			return err
		},
	}
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		for what, end := range ends {
			for next, call := range calls {
				tx := a.begin(a.client)
				key := a.add(tx, sps.Groups, group(uniqueName("lost")))
				end(a)
				err := call(a, tx)
				a.want("a loss of the transaction: "+what+", then "+next, sps.IsTransactionLost, err)
				if sps.IsRefused(err) || sps.IsLocked(err) || sps.IsCredentialsRefused(err) {
					a.Errorf("%v is also something else", err)
				}
				a.must(tx.Rollback(a.Context()))
				_, err = a.client.Get(a.Context(), sps.Groups, key)
				a.want("not found", rest.IsNotFound, err)
				a.create(sps.Groups, group(uniqueName("lost"))) // a new session, a new transaction
				a.wantFree()
			}
		}
		if got := a.sim.Stats().FailedLogIns; got != 0 {
			a.Errorf("%d failed log-ins, want 0", got)
		}
	})
}

// TestSPSTransactionThatIsGone ends a transaction without the client's knowledge, in the client's own log-in session.
func TestSPSTransactionThatIsGone(t *testing.T) {
	onSimulatedSPS(t, needsFaults, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.AutoOpen = false })
		session := a.sessionOfWrites()
		tx := a.begin(a.client)
		a.add(tx, sps.Groups, group(uniqueName("gone")))
		a.dropTransaction(<-session)
		_, err := tx.Create(a.Context(), sps.Groups, group(uniqueName("gone")))
		a.want("a loss of the transaction", sps.IsTransactionLost, err)
		if sps.IsLocked(err) || sps.IsRefused(err) || sps.IsCommitConflict(err) {
			a.Errorf("%v is also something else", err)
		}
		a.want("a loss of the transaction", sps.IsTransactionLost, tx.Commit(a.Context(), ""))
		a.must(tx.Rollback(a.Context()))
		a.create(sps.Groups, group(uniqueName("gone")))
	})
}

// sessionOfWrites returns the cookie of the next request that opens a transaction.
func (a *appliance) sessionOfWrites() <-chan string {
	cookies := make(chan string, 1)
	a.sim.Faults().OnRequest(func(r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/api/transaction" {
			a.sim.Faults().OnRequest(nil)
			cookies <- r.Header.Get("Cookie")
		}
	})
	return cookies
}

func (a *appliance) dropTransaction(cookie string) {
	a.Helper()
	req, err := http.NewRequestWithContext(a.Context(), http.MethodDelete, a.config.URL+"/api/transaction", nil)
	a.must(err)
	req.Header.Set("Cookie", cookie)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: trust(a.T), DisableKeepAlives: true}}
	resp, err := client.Do(req)
	a.must(err)
	a.must(resp.Body.Close())
	if resp.StatusCode != http.StatusOK {
		a.Fatalf("status %d", resp.StatusCode)
	}
}
