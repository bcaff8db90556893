// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/login"
)

var terms = login.Terms{Block: 10 * time.Minute, Failures: 5, Window: 30 * time.Minute, Reserve: 3}

const appliance = "https://sps.example.com"

// names resolves what the tests use.
func names(_ context.Context, host string) ([]string, error) {
	switch host {
	case "sps.example.com", "alias.example.com", "192.0.2.1":
		return []string{"192.0.2.1"}, nil
	}
	return nil, errors.New("no such host")
}

func refuse(t *testing.T, a *login.Account) time.Duration {
	t.Helper()
	attempt, err := a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return time.Until(attempt.Refused(t.Context()))
}

func accept(t *testing.T, a *login.Account) {
	t.Helper()
	attempt, err := a.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	attempt.Accepted()
}

// held returns how long the account is throttled; 0 if it is not.
func held(t *testing.T, a *login.Account) time.Duration {
	t.Helper()
	attempt, err := a.Begin(t.Context())
	if err == nil {
		attempt.Inconclusive()
		return 0
	}
	var e *login.ThrottledError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	return time.Until(e.Until)
}

func TestPauses(t *testing.T) {
	for name, c := range map[string]struct {
		worked bool
		want   []time.Duration
	}{
		"credentials that have never worked wait twice as long each time, at most eight hours": {
			want: []time.Duration{
				15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour,
			},
		},
		"credentials that have worked wait for the vendor's block, and longer when that cannot be it": {
			worked: true,
			want: []time.Duration{
				10 * time.Minute, 10 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := login.NewLedger(nil, names).Account(terms, appliance, "svc", login.Record{})
				if c.worked {
					accept(t, a)
				}
				for i, want := range c.want {
					if got := refuse(t, a); got != want {
						t.Errorf("refusal %d: a pause of %s, want %s", i+1, got, want)
					}
					if got := held(t, a); got != want {
						t.Errorf("refusal %d: held for %s, want %s", i+1, got, want)
					}
					time.Sleep(want) //nolint:forbidigo // virtual time
				}
			})
		})
	}
}

func TestASuccessAndAClearingLetTheCredentialsBeTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := login.NewLedger(nil, names).Account(terms, appliance, "svc", login.Record{})
		refuse(t, a)
		a.Clear()
		if got := held(t, a); got != 0 {
			t.Errorf("held for %s after it was cleared", got)
		}
		accept(t, a)
		if r := a.Record(); r.Failures != 0 || r.LastSuccess.IsZero() {
			t.Errorf("%+v", r)
		}
	})
}

func TestClearingAgainAndAgainDoesNotGetTheAddressBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := login.NewLedger(nil, names)
		a := ledger.Account(terms, appliance, "svc", login.Record{})
		accept(t, a)
		sent := 0
		for range 100 {
			a.Clear()
			if attempt, err := a.Begin(t.Context()); err == nil {
				attempt.Refused(t.Context())
				sent++
			}
		}
		if sent != terms.Failures {
			t.Errorf("refused credentials were sent %d times, want %d", sent, terms.Failures)
		}
		if got := held(t, a); got != terms.Block {
			t.Errorf("held for %s, want %s", got, terms.Block)
		}
		time.Sleep(terms.Block) //nolint:forbidigo // virtual time
		if got := held(t, a); got != 0 {
			t.Errorf("held for %s after the block", got)
		}
		accept(t, a)
		if got := held(t, a); got != 0 {
			t.Errorf("held for %s after a success", got)
		}
	})
}

func TestAnotherProcessGoesOnWhereThisOneEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := login.NewLedger(nil, names).Account(terms, appliance, "svc", login.Record{})
		refuse(t, a)
		time.Sleep(15 * time.Minute) //nolint:forbidigo // virtual time
		refuse(t, a)
		b := login.NewLedger(nil, names).Account(terms, appliance, "svc", a.Record())
		if got, want := held(t, b), 30*time.Minute; got != want {
			t.Errorf("held for %s, want %s", got, want)
		}
	})
}

func TestConnectionsWithWrongPasswordsDoNotGetTheAddressBlocked(t *testing.T) {
	for name, address := range map[string]string{
		"of the same url": appliance, "of the same url with its port": "https://SPS.example.com:443",
		"of another name": "https://alias.example.com", "of its number": "https://192.0.2.1",
		"of its name with a dot": "https://sps.example.com.",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := login.NewLedger(nil, names)
				proven := ledger.Account(terms, appliance, "svc", login.Record{})
				accept(t, proven)
				for range terms.Failures {
					refuse(t, ledger.Account(terms, address, "mallory", login.Record{}))
				}
				other := ledger.Account(terms, address, "mallory", login.Record{})
				if got := held(t, other); got != terms.Window {
					t.Errorf("one more is held for %s, want %s", got, terms.Window)
				}
				if got := held(t, ledger.Account(terms, "https://other.example.com", "svc", login.Record{})); got != 0 {
					t.Errorf("another appliance is held for %s", got)
				}
				if got := held(t, proven); got != 0 {
					t.Errorf("credentials that work are held for %s", got)
				}
				time.Sleep(terms.Window) //nolint:forbidigo // virtual time
				if got := held(t, other); got != 0 {
					t.Errorf("held for %s after the window", got)
				}
			})
		})
	}
}

func TestCredentialsThatHaveNotWorkedAreSentOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := login.NewLedger(nil, names)
		proven := ledger.Account(terms, appliance, "svc", login.Record{})
		accept(t, proven)
		first, err := ledger.Account(terms, appliance, "svc", login.Record{}).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		begun := make(chan error)
		go func() {
			second, err := ledger.Account(terms, appliance, "svc", login.Record{}).Begin(t.Context())
			if err == nil {
				second.Inconclusive()
			}
			begun <- err
		}()
		synctest.Wait()
		select {
		case err := <-begun:
			t.Error("the second did not wait for the first", err)
		default:
		}
		if got := held(t, proven); got != 0 {
			t.Error("credentials that work had to wait")
		}
		first.Inconclusive()
		if err := <-begun; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		first, err = ledger.Account(terms, appliance, "svc", login.Record{}).Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer first.Inconclusive()
		cancel()
		if _, err := ledger.Account(terms, appliance, "svc", login.Record{}).Begin(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestConnectionsWithWrongPasswordsDoNotGetAnAccountLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		perAccount := login.Terms{Block: 5 * time.Minute, PerAccount: true, Failures: 2, Window: time.Hour}
		ledger := login.NewLedger(nil, names)
		proven := ledger.Account(perAccount, appliance, "svc", login.Record{})
		accept(t, proven)
		refuse(t, ledger.Account(perAccount, appliance, "SVC", login.Record{}))
		refuse(t, ledger.Account(perAccount, "https://alias.example.com", "svc", login.Record{}))
		if got := held(t, ledger.Account(perAccount, appliance, "svc", login.Record{})); got != time.Hour {
			t.Errorf("one more is held for %s", got)
		}
		if got := held(t, ledger.Account(perAccount, appliance, "other", login.Record{})); got != 0 {
			t.Errorf("another account is held for %s", got)
		}
		if got := held(t, proven); got != 0 {
			t.Errorf("credentials that work are held for %s", got)
		}
	})
}

// TestWrongPasswordsOfOthersLeaveAnAttemptForARotatedPassword: others have used up the attempts at the address, also
// with connections that worked there, and a connection that worked there, too, gets a new password.
func TestWrongPasswordsOfOthersLeaveAnAttemptForARotatedPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := login.NewLedger(nil, names)
		for range terms.Failures {
			refuse(t, ledger.Account(terms, appliance, "oscar", login.Record{}))
		}
		if held(t, ledger.Account(terms, appliance, "svc", login.Record{})) == 0 {
			t.Error("a connection that never worked is tried, too")
		}
		rotated := func(namespace string) *login.Account {
			a := ledger.Account(terms, "https://alias.example.com", "svc", login.Record{})
			a.WorkedBefore(namespace)
			return a
		}
		refuse(t, rotated("oscar"))
		if got := held(t, rotated("oscar")); got != terms.Window {
			t.Errorf("a namespace with two connections that worked is held for %s, want %s", got, terms.Window)
		}
		owners := rotated("owner")
		refuse(t, owners)
		owners.Clear()
		if held(t, owners) == 0 {
			t.Error("it has more than one attempt")
		}
		refuse(t, rotated("third"))
		if held(t, rotated("fourth")) == 0 {
			t.Error("the attempts at an address are not bounded")
		}
		time.Sleep(terms.Window) //nolint:forbidigo // virtual time
		if got := held(t, rotated("fourth")); got != 0 {
			t.Errorf("held for %s after the window", got)
		}
	})
}
