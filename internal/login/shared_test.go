// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/login"
)

// perAccount are the terms of a vendor that counts by account.
var perAccount = login.Terms{Block: 5 * time.Minute, PerAccount: true, Failures: 2, Window: time.Hour}

// fleet are connections that share an account and have worked.
func fleet(t *testing.T, l *login.Ledger, n int, at login.Terms) []*login.Account {
	t.Helper()
	var out []*login.Account
	for range n {
		a := l.Account(at, appliance, "svc", login.Record{LastSuccess: time.Now()})
		a.Credentials("svc", "p4ss")
		out = append(out, a)
	}
	return out
}

// logIn has all of them log in at the same time, and returns how often the credentials were sent.
func logIn(t *testing.T, accounts []*login.Account, accepted bool) int {
	t.Helper()
	var (
		sent atomic.Int32
		wg   sync.WaitGroup
	)
	for _, a := range accounts {
		wg.Go(func() {
			attempt, err := a.Begin(t.Context())
			if err != nil {
				if _, ok := errors.AsType[*login.ThrottledError](err); !ok {
					t.Error(err)
				}
				return
			}
			sent.Add(1)
			time.Sleep(time.Second) //nolint:forbidigo // virtual time; the server thinks
			if accepted {
				attempt.Accepted()
			} else {
				attempt.Refused(t.Context())
			}
		})
	}
	wg.Wait()
	return int(sent.Load())
}

func TestAChangedPasswordIsSentOnceByAllWhoShareIt(t *testing.T) {
	for name, at := range map[string]login.Terms{"counted by account": perAccount, "counted by address": terms} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts := fleet(t, login.NewLedger(nil, names), 10, at)
				if got := logIn(t, accounts, false); got != 1 {
					t.Fatalf("sent %d times", got)
				}
				_, err := accounts[0].Begin(t.Context())
				_, other := accounts[1].Begin(t.Context())
				_, third := accounts[2].Begin(t.Context())
				said := errors.Join(err, other, third).Error()
				if !strings.Contains(said, "on another connection") || strings.Contains(said, "p4ss") {
					t.Errorf("it says %q", said)
				}
				time.Sleep(at.Block + time.Second) //nolint:forbidigo // virtual time
				if got := logIn(t, accounts, false); got != 1 {
					t.Errorf("sent %d times after the block", got)
				}
				time.Sleep(at.Block + time.Second) //nolint:forbidigo // virtual time
				if got := logIn(t, accounts, true); got != len(accounts) {
					t.Errorf("only %d log in when they are right again", got)
				}
			})
		})
	}
}

func TestThoseWhoShareCredentialsThatWorkDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if got := logIn(t, fleet(t, login.NewLedger(nil, names), 50, perAccount), true); got != 50 {
			t.Errorf("%d of 50 were sent", got)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestOnlyTheSameCredentialsAtTheSameAddressAreThrottled(t *testing.T) {
	for name, c := range map[string]struct {
		address  string
		parts    []string
		clear    bool
		recorded login.Record
		held     bool
	}{
		"the same": {address: appliance, parts: []string{"svc", "p4ss"}, held: true},
		"the same under another name of it": {
			address: "https://alias.example.com", parts: []string{"svc", "p4ss"}, held: true,
		},
		"another password":                 {address: appliance, parts: []string{"svc", "new"}},
		"the same text, divided otherwise": {address: appliance, parts: []string{"svcp4", "ss"}},
		"another server":                   {address: "https://other.example.com", parts: []string{"svc", "p4ss"}},
		"a user declares the cause fixed": {
			address: appliance, parts: []string{"svc", "p4ss"}, clear: true,
		},
		"without known credentials": {address: appliance},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := login.NewLedger(nil, names)
				refuse(t, fleet(t, ledger, 1, perAccount)[0])
				time.Sleep(time.Second) //nolint:forbidigo // virtual time
				other := ledger.Account(perAccount, c.address, "svc", login.Record{LastSuccess: time.Now()})
				if c.parts != nil {
					other.Credentials(c.parts...)
				}
				if c.clear {
					other.Clear()
				}
				if got := held(t, other) > 0; got != c.held {
					t.Errorf("held back: %t", got)
				}
			})
		})
	}
}

func TestRefusalsOfAnEarlierProcessCountForSharedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := login.NewLedger(nil, names)
		told := ledger.Account(perAccount, appliance, "svc", login.Record{
			LastSuccess: time.Now(), Failures: 1, LastFailure: time.Now(), Retry: time.Now().Add(5 * time.Minute),
		})
		told.Credentials("svc", "p4ss")
		time.Sleep(time.Second) //nolint:forbidigo // virtual time
		if got := logIn(t, fleet(t, ledger, 5, perAccount), false); got != 0 {
			t.Errorf("sent %d times", got)
		}
	})
}
