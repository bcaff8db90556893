// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// keptSession is an in-memory SessionStore.
type keptSession struct {
	cookie string
	err    error
	saved  []string
}

func (k *keptSession) Load(context.Context) (string, error) { return k.cookie, k.err }

func (k *keptSession) Save(_ context.Context, cookie string) error {
	k.saved = append(k.saved, cookie)
	return errors.New("a store that is down costs nothing now")
}

const oldCookie = "0ldc00k1e0ldc00k1e0ldc00k1e0ldc00k1e0ldc"

func TestATransactionThatAnEarlierProcessLeftIsDroppedWithItsOwnCookie(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sessions map[string]bool
		drops    int
	}{
		"it is still open":           {sessions: map[string]bool{oldCookie: true}, drops: 1},
		"it is closed":               {sessions: map[string]bool{oldCookie: false}},
		"its log-in session is gone": {sessions: map[string]bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.sessions = c.sessions
			kept := &keptSession{cookie: oldCookie}
			client := a.client(func(cfg *sps.Config) { cfg.Sessions = kept })
			a.begin(client)
			if open := a.sessions[oldCookie]; open {
				t.Error("the old transaction is still open")
			}
			drops := 0
			for _, call := range a.take() {
				if call.Line == "DELETE /api/transaction" && call.Cookie == oldCookie {
					drops++
				}
			}
			if drops != c.drops {
				t.Errorf("%d roll-backs, want %d", drops, c.drops)
			}
			if len(kept.saved) != 1 || kept.saved[0] == oldCookie || kept.saved[0] == "" {
				t.Errorf("saved %d cookies, want the one of the new log-in", len(kept.saved))
			}
		})
	}
}

func TestBeginWaitsUntilTheStoredSessionIsClean(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.sessions = map[string]bool{oldCookie: true}
	a.on("GET /api/transaction", reply(http.StatusBadGateway, "<html>"))
	kept := &keptSession{cookie: oldCookie}
	client := a.client(func(cfg *sps.Config) { cfg.Sessions = kept })
	_, err := client.Begin(t.Context())
	if err == nil || sps.IsRefused(err) || strings.Contains(err.Error(), oldCookie) {
		t.Fatalf("got %v", err)
	}
	delete(a.routes, "GET /api/transaction")
	a.begin(client)
	if a.sessions[oldCookie] {
		t.Error("the old transaction is still open")
	}
}

func TestBeginFailsWhileTheStoreCannotBeRead(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	kept := &keptSession{err: errors.New("the store is down")}
	client := a.client(func(cfg *sps.Config) { cfg.Sessions = kept })
	if _, err := client.Begin(t.Context()); !errors.Is(err, kept.err) {
		t.Fatalf("got %v", err)
	}
	a.want()
}
