// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestRollback(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer http.HandlerFunc
		failed bool
	}{
		"rolled back":          {answer: reply(200, `{"meta":{}}`)},
		"there is none: 404":   {answer: problem(404, "NotFound", "no")},
		"there is none: 409":   {answer: problem(409, "NoTransaction", "no")},
		"the session is gone":  {answer: problem(401, "Unauthenticated", "no")},
		"an error":             {answer: problem(500, "X", "no"), failed: true},
		"no answer":            {answer: broken, failed: true},
		"a page with an error": {answer: reply(502, "<html>"), failed: true},
		"a page":               {answer: reply(200, "<html>"), failed: true},
		"an empty answer":      {answer: reply(200, "")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(deleteTx, inTurn(tc.answer, reply(200, "{}")))
			client := a.client(nil)
			tx := a.begin(client)
			a.take()
			if err := tx.Rollback(t.Context()); (err != nil) != tc.failed {
				t.Errorf("got %v", err)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Errorf("again: %v", err)
			}
			if tc.failed {
				a.want(deleteTx, deleteTx)
			} else {
				a.want(deleteTx)
			}
		})
	}
}

func TestTheNextTransactionCleansUpAfterAFailedRollback(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.on(deleteTx, broken)
	client := a.client(nil)
	first := a.begin(client)
	if err := first.Rollback(t.Context()); err == nil {
		t.Fatal("rolled back")
	}
	delete(a.routes, deleteTx)
	a.leaveOpen()
	a.take()
	second := a.begin(client)
	a.want(getTx, deleteTx, postTx)

	// The first one must not end what now belongs to the second one.
	if err := first.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	a.want()
	if err := second.Commit(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

func TestRollbackWorksAfterTheWorkWasCancelled(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := a.client(nil).Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := tx.Replace(ctx, sps.RDPConnections, "k", sps.Body{}); !errors.Is(err, context.Canceled) || tx.Writes() != 0 {
		t.Errorf("got %v, %d writes", err, tx.Writes())
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
	a.want(logInLine, getTx, postTx, deleteTx)
}

func TestAnEndedTransactionDoesNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	a := newAppliance(t)
	client := a.client(nil)
	tx := a.begin(client)
	if err := tx.Commit(ctx, ""); err != nil {
		t.Fatal(err)
	}
	a.take()
	_, listErr := tx.List(ctx, sps.Users)
	_, getErr := tx.Get(ctx, sps.Users, "k")
	_, createErr := tx.Create(ctx, sps.Users, sps.Body{})
	_, changesErr := tx.Changes(ctx)
	for _, err := range []error{
		listErr, getErr, createErr, changesErr, tx.Commit(ctx, ""), tx.Verify(ctx), tx.Delete(ctx, sps.Users, "k"),
	} {
		if err == nil {
			t.Error("no error")
		}
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Error(err)
	}
	a.want()
}
