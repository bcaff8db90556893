// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func TestWhoLocksOutRESTClients(t *testing.T) {
	tests := map[string]struct {
		version string
		via     string
		refuses bool
	}{
		"6.0, a person in the web UI":    {"6.0", sps.ViaUI, true},
		"6.0, a person on SSH":           {"6.0", sps.ViaSSH, true},
		"6.0, another REST client":       {"6.0", sps.ViaREST, true},
		"7.0, a person in the web UI":    {"7.0", sps.ViaUI, true},
		"7.0, another REST client":       {"7.0", sps.ViaREST, false},
		"8.0, a person on SSH":           {"8.0", sps.ViaSSH, true},
		"8.0, another REST client again": {"8.0", sps.ViaREST, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := start(t, tt.version, nil)
			c := b.logIn()
			b.sps.LockBy("alice", tt.via)
			c.must(http.MethodGet, configuration, nil) // reading is always free
			if !tt.refuses {
				c.open()
				return
			}
			answer := c.refusedWith(409, "ConfigurationLocked", http.MethodPost, transaction, nil)
			if got := dig(answer, "error", "details", "user"); got != "alice" {
				t.Errorf("the holder is %v", got)
			}
			if got := b.sps.Stats().LockHolder; got != "alice" {
				t.Errorf("the stats say %q", got)
			}
			b.sps.Unlock()
			c.open()
			if got := b.sps.Stats().LockHolder; got != "admin" {
				t.Errorf("with the transaction open, the stats say %q", got)
			}
		})
	}
}

func TestTransactionsSideBySide(t *testing.T) {
	for version, alone := range map[string]bool{"6.0": true, "7.0": false, "8.0": false} {
		t.Run(version, func(t *testing.T) {
			b := start(t, version, nil)
			first, second := b.logIn(), b.logIn()
			first.open()
			if !alone {
				second.open()
				return
			}
			second.refusedWith(409, "ConfigurationLocked", http.MethodPost, transaction, nil)
			first.must(http.MethodDelete, transaction, nil)
			second.open()
		})
	}
}

func TestLockIsRefusedByTheFirstChange(t *testing.T) {
	b := start(t, "8.0", func(s *sps.Switches) { s.LockStatus, s.LockType = 423, "Held" })
	b.sps.LockBy("alice", sps.ViaUI)
	b.logIn().refusedWith(423, "Held", http.MethodPost, connections, policy(t, "a"))
}

func TestLockAtCommit(t *testing.T) {
	b := start(t, "8.0", func(s *sps.Switches) { s.ForeignLockAt = sps.AtCommit })
	c := b.logIn()
	b.sps.LockBy("alice", sps.ViaUI)
	c.create(connections, policy(t, "a"))
	c.refusedWith(409, "ConfigurationLocked", http.MethodPut, transaction, object{"status": "commit"})
	b.sps.Unlock()
	c.commit()
}

func TestOpenTransactionOutlivesALockThatComesLater(t *testing.T) {
	b := start(t, "6.0", nil)
	c := b.logIn()
	c.open()
	b.sps.LockBy("alice", sps.ViaUI)
	c.create(connections, policy(t, "a"))
	c.commit()
	c.refusedWith(409, "ConfigurationLocked", http.MethodPost, transaction, nil)
}

func TestLockState(t *testing.T) {
	b := start(t, "8.0", nil)
	b.sps.LockBy("alice", sps.ViaSSH)
	want := &sps.Lock{User: "alice", Via: sps.ViaSSH, Since: b.now()}
	if diff := cmp.Diff(want, b.sps.LockedBy()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.sps.Unlock()
	if got := b.sps.LockedBy(); got != nil {
		t.Errorf("after Unlock: %+v", got)
	}
}
