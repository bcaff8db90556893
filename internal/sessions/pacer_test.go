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
