// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// writeAndRollBack begins a transaction, has a write refused or lost in it, and rolls it back.
func writeAndRollBack(t *testing.T, client *sps.Client) error {
	t.Helper()
	tx, err := client.Begin(t.Context())
	if err != nil {
		return err
	}
	if _, err := tx.Create(t.Context(), sps.RDPConnections, sps.Body{}); err == nil {
		t.Error("the write was answered")
	}
	return tx.Rollback(t.Context())
}

func TestATransactionThatALossLeavesOpenIsDropped(t *testing.T) {
	t.Parallel()
	refusal := problem(http.StatusBadRequest, "SemanticError", "no")
	for name, c := range map[string]struct {
		lost string // the request that gets no answer, once
		does func(*testing.T, error)
	}{
		"by a write that arrives late": {lost: postRDP, does: func(t *testing.T, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("not rolled back: %v", err)
			}
		}},
		"by an opening that arrives late": {lost: postTx, does: func(t *testing.T, err error) {
			t.Helper()
			if !rest.IsOutcomeUnknown(err) {
				t.Errorf("opened: %v", err)
			}
		}},
		"by a roll-back that does not arrive": {lost: deleteTx, does: func(t *testing.T, err error) {
			t.Helper()
			if err == nil {
				t.Error("rolled back")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			dropped := make(chan struct{}, 1)
			answers := map[string]http.HandlerFunc{
				postRDP: refusal, postTx: a.inSession, deleteTx: func(w http.ResponseWriter, r *http.Request) {
					a.inSession(w, r)
					select {
					case dropped <- struct{}{}:
					default:
					}
				},
			}
			answers[c.lost] = inTurn(broken, answers[c.lost])
			for line, answer := range answers {
				a.on(line, answer)
			}
			client := a.client(func(cfg *sps.Config) { cfg.StrayCheckAfter = 20 * time.Millisecond })
			c.does(t, writeAndRollBack(t, client))
			for len(dropped) > 0 { // by the roll-back
				<-dropped
			}
			a.leaveOpen()
			select {
			case <-dropped:
			case <-time.After(time.Minute):
			}
			if a.open() {
				t.Error("a transaction is open")
			}
		})
	}
}

func TestATransactionThatBeginsDuringACheckWaitsForIt(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	looked, proceed := make(chan struct{}), make(chan struct{})
	a.on(deleteTx, inTurn(broken, a.inSession))
	a.on(getTx, inTurn(a.inSession, func(w http.ResponseWriter, r *http.Request) {
		close(looked)
		<-proceed
		a.inSession(w, r)
	}, a.inSession))
	client := a.client(func(cfg *sps.Config) { cfg.StrayCheckAfter = time.Millisecond })
	if err := a.begin(client).Rollback(t.Context()); err == nil {
		t.Fatal("rolled back")
	}
	<-looked
	a.take()
	begun := make(chan error)
	go func() {
		_, err := client.Begin(t.Context())
		begun <- err
	}()
	select {
	case err := <-begun:
		t.Errorf("begun during the look, with error %v", err)
		close(proceed)
	case <-time.After(100 * time.Millisecond): // enough time to go wrong
		close(proceed)
		if err := <-begun; err != nil {
			t.Error(err)
		}
	}
	for _, c := range a.take() {
		if c.Line == logInLine {
			t.Error("there is another log-in session, and the first one is forgotten")
		}
	}
}
