// SPDX-License-Identifier: Apache-2.0

package session

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
	"github.com/pam-operator/pam-operator/test/builder"
)

func serverAt(t *testing.T, address, account string) *sessions.Server {
	t.Helper()
	c, err := nps.New(nps.Config{URL: address, Auth: nps.User{Username: account, Password: "canary"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return sessions.NewServer(sessions.ServerConfig{
		Client: c, Address: address, Account: account, Poller: sessions.NewPoller(nil),
	})
}

// naming is an object whose status names a session of a server.
func naming(name, sessionID, server string) *pamv1alpha1.ActivitySession {
	s := builder.ActivitySession(name)
	s.Namespace, s.UID = "default", types.UID(name)
	s.Status.SessionID, s.Status.Server = sessionID, server
	return s
}

func claimsOf(t *testing.T, objects ...client.Object) *claims {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...)
	if err := loop.AddIndexes(t.Context(), indexed{c}); err != nil {
		t.Fatal(err)
	}
	return newClaims(c.Build())
}

func TestNoServerTakesTheSessionOfAnother(t *testing.T) {
	const id = "B9FC22E3-0000-4000-8000-000000000001"
	alice, oscar := naming("alice", id, "https://nps.example.com"), naming("oscar", id, "https://oscar.example.com")
	nps1, nps2 := serverAt(t, "https://nps.example.com", "svc"), serverAt(t, "https://oscar.example.com", "svc")
	find := &finder{&base{claims: claimsOf(t, alice, oscar)}}
	session := nps.Session{ID: id} // its note is missing

	if whose := find.ownershipOf(nps1, alice, session); whose != ownershipOpen {
		t.Errorf("a new process: %d", whose)
	}
	if !find.claims.answered(nps1.Key(id), alice.UID) || !find.claims.answered(nps2.Key(id), oscar.UID) {
		t.Fatal("a server is not believed about its own session")
	}
	if find.claims.answered(nps1.Key(strings.ToLower(id)), oscar.UID) {
		t.Error("the same server gives a session away twice")
	}
	if !find.claims.answered(serverAt(t, "https://nps.example.com", "other").Key(id), oscar.UID) {
		t.Error("another account cannot see the session, and is not believed about its own")
	}
	if whose := find.ownershipOf(nps1, alice, session); whose != ownershipCertain {
		t.Errorf("the owner: %d", whose)
	}
	thief := naming("thief", id, "https://nps.example.com")
	if whose := find.ownershipOf(nps1, thief, session); whose != ownershipForeign {
		t.Errorf("an object whose status names it: %d", whose)
	}
	find.claims.forget(alice.UID)
	if _, proven := find.claims.owner(nps1.Key(id)); proven {
		t.Error("an object that is gone has a claim")
	}
}

func TestASessionOnceProvenIsNotDisowned(t *testing.T) {
	server, s := serverAt(t, "https://nps.example.com", "svc"), naming("session", "1", "https://nps.example.com")
	s.UID = "0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01"
	for name, c := range map[string]struct {
		proven bool
		note   string
		want   ownership
	}{
		"an answer, and no note":          {true, "", ownershipCertain},
		"an answer, and a rewritten note": {true, "edited by an administrator", ownershipCertain},
		"the note":                        {false, loop.NewRequestID(s) + " more", ownershipCertain},
		"most of the note":                {false, loop.NewRequestID(s)[:40], ownershipCertain},
		"nothing":                         {false, "", ownershipOpen},
		"the note of another one":         {false, "pam-operator/other/1", ownershipForeign},
		"somebody's own note":             {false, "mine", ownershipForeign},
	} {
		t.Run(name, func(t *testing.T) {
			find := &finder{&base{claims: claimsOf(t)}}
			if c.proven {
				find.claims.answered(server.Key("1"), s.UID)
			}
			if got := find.ownershipOf(server, s, nps.Session{ID: "1", Note: c.note}); got != c.want {
				t.Fatalf("got %d", got)
			}
			if c.want != ownershipCertain {
				return
			}
			if got := find.ownershipOf(server, s, nps.Session{ID: "1"}); got != ownershipCertain {
				t.Errorf("a later answer without a note: %d", got)
			}
		})
	}
}

func TestTheSessionOfAnotherObjectIsNoCandidate(t *testing.T) {
	server := serverAt(t, "https://nps.example.com", "svc")
	claims := claimsOf(t, naming("here", "AB", server.Address()), naming("elsewhere", "CD", "https://other.example.com"))
	for id, want := range map[string]bool{"ab": true, "AB": true, "CD": false, "EF": false} {
		got, err := claims.isAnothers(t.Context(), server, id, "mine")
		if err != nil || got != want {
			t.Errorf("%s: %t, %v", id, got, err)
		}
	}
	if got, err := claims.isAnothers(t.Context(), server, "AB", types.UID("here")); got || err != nil {
		t.Errorf("its own session: %t, %v", got, err)
	}
}
