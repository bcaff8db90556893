// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

func TestNoSecondHasMoreRequestsThanTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 5
		p := NewPacer(limit)
		var (
			mu   sync.Mutex
			sent []time.Time
			wg   sync.WaitGroup
		)
		time.Sleep(time.Minute) //nolint:forbidigo // virtual time; an idle minute saves nothing up
		for range 40 {
			wg.Go(func() {
				if err := p.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, time.Now())
			})
		}
		wg.Wait()
		for i := limit; i < len(sent); i++ {
			if span := sent[i].Sub(sent[i-limit]); span <= time.Second {
				t.Fatalf("%d requests within %s", limit+1, span)
			}
		}
	})
}

func TestWhatIsUrgentDoesNotWaitBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(1)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() { _ = p.Wait(ctx) })
		}
		synctest.Wait()
		begun := time.Now()
		if err := p.Wait(nps.Urgent(t.Context())); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("it waited %s behind others", took)
		}
		cancel()
		wg.Wait()
	})
}

// TestATenantWaitsForOneRequestOfEachOther: whoever shares a connection with somebody who sends all the time gets every
// second moment.
func TestATenantWaitsForOneRequestOfEachOther(t *testing.T) {
	for name, urgent := range map[string]bool{"what ends sessions": true, "all else": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewPacer(1)
				as := func(ctx context.Context, tenant string) context.Context {
					if urgent {
						ctx = nps.Urgent(ctx)
					}
					return nps.OnBehalfOf(ctx, tenant)
				}
				crowd, cancel := context.WithCancel(as(t.Context(), "crowd"))
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() { _ = p.Wait(crowd) })
				}
				synctest.Wait()
				for _, tenant := range []string{"neighbour", "", "neighbour"} {
					begun := time.Now()
					if err := p.Wait(as(t.Context(), tenant)); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(begun); took > 2*p.Interval() {
						t.Errorf("%q waited %s behind another tenant", tenant, took)
					}
				}
				cancel()
				wg.Wait()
			})
		})
	}
}

func TestWhatIsUrgentLeavesTheOthersEveryFourthMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(1)
		urgent, cancel := context.WithCancel(nps.Urgent(t.Context()))
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _ = p.Wait(urgent) })
		}
		synctest.Wait()
		for range 3 {
			begun := time.Now()
			if err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > 4*p.Interval() {
				t.Errorf("it waited %s", took)
			}
		}
		cancel()
		wg.Wait()
	})
}

func TestWhoGivesUpLosesNoMomentForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(1)
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		impatient, cancel := context.WithTimeout(t.Context(), p.Interval()/2)
		defer cancel()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if p.Wait(impatient) == nil {
					t.Error("a request went before its moment")
				}
			})
		}
		synctest.Wait()
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > p.Interval() {
			t.Errorf("it waited %s for requests that were given up", took)
		}
		wg.Wait()
	})
}
