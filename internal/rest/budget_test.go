// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/pam-operator/pam-operator/internal/rest"
)

func TestTheLargestShareOfABudgetLoses(t *testing.T) {
	t.Parallel()
	budget := rest.NewBudget(1000)
	dropped := 0
	var hog *rest.Share
	hog = budget.Share(5000, "", func() { dropped++; hog.Release(900) })
	small := budget.Share(5000, "", func() { t.Error("the smaller one is dropped") })
	if err := hog.Reserve(900); err != nil {
		t.Fatal(err)
	}
	if err := small.Reserve(110); err != nil {
		t.Errorf("the smaller one has no room: %v", err)
	}
	if dropped != 1 || hog.Used() != 0 || small.Used() != 110 {
		t.Errorf("dropped %d times; %d and %d bytes are held", dropped, hog.Used(), small.Used())
	}
	if err := hog.Reserve(1); !errors.Is(err, rest.ErrBudget) {
		t.Errorf("what the largest was reading goes on: %v", err)
	}
	if err := hog.Reserve(1); err != nil {
		t.Errorf("it may not begin anew: %v", err)
	}
	if err := small.Reserve(900); !errors.Is(err, rest.ErrBudget) || small.Used() != 110 {
		t.Errorf("the one that would be the largest itself: %v, %d bytes", err, small.Used())
	}
}

func TestAShareHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	share := rest.NewBudget(1000).Share(100, "spec.limits.x", nil)
	err := share.Reserve(101)
	want := rest.TooLargeError{What: "what is kept of the answers", Limit: 100, Field: "spec.limits.x"}
	if got, ok := errors.AsType[*rest.TooLargeError](err); !ok || *got != want {
		t.Errorf("got %v", err)
	}
	if !share.SetMax(200) || share.SetMax(200) {
		t.Error("a changed limit is not distinguished from an unchanged one")
	}
	if err := share.Reserve(101); err != nil {
		t.Error(err)
	}
}

func TestAClosedShareGivesEverythingBack(t *testing.T) {
	t.Parallel()
	budget := rest.NewBudget(100)
	old, next := budget.Share(100, "", nil), budget.Share(100, "", nil)
	if err := old.Reserve(100); err != nil {
		t.Fatal(err)
	}
	old.Close()
	old.Release(100) // by a caller that does not know of it yet
	if err := old.Reserve(100); err != nil {
		t.Error(err)
	}
	if err := next.Reserve(100); err != nil {
		t.Error(err)
	}
}

// TestABudgetHolds makes many callers reserve and release concurrently.
func TestABudgetHolds(t *testing.T) {
	t.Parallel()
	const limit, sharers, rounds = 1 << 20, 8, 2000
	budget := rest.NewBudget(limit)
	shares := make([]*rest.Share, sharers)
	for i := range shares {
		shares[i] = budget.Share(limit, "", nil)
	}
	var workers sync.WaitGroup
	for i, share := range shares {
		workers.Go(func() {
			for round := range rounds {
				bytes := int64(1 + (round*7919+i*104729)%(limit/2))
				if share.Reserve(bytes) != nil {
					continue
				}
				var total int64
				for _, s := range shares {
					total += s.Used()
				}
				if total > limit+limit/4 { // shares change while they are added up
					t.Errorf("%d bytes are held", total)
				}
				share.Release(bytes)
			}
		})
	}
	workers.Wait()
	for _, s := range shares {
		if s.Used() != 0 {
			t.Errorf("%d bytes stay", s.Used())
		}
	}
}
