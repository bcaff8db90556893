// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// caller wants to send a request.
type caller struct {
	at       time.Duration
	urgent   bool
	tenant   string
	patience time.Duration // 0 is for ever
}

// TestNoWindowOfASecondHasMoreRequestsThanTheLimit is in virtual time: whenever callers come and give up, and whatever
// the limit is changed to.
func TestNoWindowOfASecondHasMoreRequestsThanTheLimit(t *testing.T) {
	callers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) caller {
		return caller{
			at:       time.Duration(rapid.IntRange(0, 5000).Draw(t, "at")) * time.Millisecond,
			urgent:   rapid.Bool().Draw(t, "urgent"),
			tenant:   rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "tenant"),
			patience: time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 300, 2000}).Draw(t, "patience")) * time.Millisecond,
		}
	}), 1, 80)
	rapid.Check(t, func(rt *rapid.T) {
		limits := rapid.SliceOfN(rapid.Int32Range(1, 30), 1, 3).Draw(rt, "limits")
		come := callers.Draw(rt, "callers")
		problem := ""
		synctest.Test(t, func(t *testing.T) { problem = paced(t, limits, come) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// paced says where a window of a second had more requests than the limits allow.
func paced(t *testing.T, limits []int32, come []caller) string {
	t.Helper()
	p := NewPacer(limits[0])
	var (
		mu   sync.Mutex
		sent []time.Time
		wg   sync.WaitGroup
	)
	for i, limit := range limits { // each for two seconds; no more than the highest is needed
		time.AfterFunc(time.Duration(i)*2*time.Second, func() { p.Limit(limit) })
	}
	for _, c := range come {
		wg.Go(func() {
			ctx := nps.OnBehalfOf(t.Context(), c.tenant)
			if c.urgent {
				ctx = nps.Urgent(ctx)
			}
			time.Sleep(c.at) //nolint:forbidigo // virtual time
			if c.patience > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.patience)
				defer cancel()
			}
			if p.Wait(ctx) == nil {
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, time.Now())
			}
		})
	}
	wg.Wait()
	time.Sleep(10 * time.Second) //nolint:forbidigo // virtual time; until the last change
	slices.SortFunc(sent, time.Time.Compare)
	most := int(slices.Max(limits))
	for i := most; i < len(sent); i++ {
		if span := sent[i].Sub(sent[i-most]); span < time.Second {
			return fmt.Sprintf("%d requests within %s", most+1, span)
		}
	}
	hasty := slices.ContainsFunc(come, func(c caller) bool { return c.patience > 0 })
	if !hasty && len(sent) != len(come) {
		return "a caller waits forever"
	}
	return ""
}
