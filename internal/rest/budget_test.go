// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const mib = 1 << 20

// TestNobodyCanTakeTheMemoryOfOthers: whatever the connections of one namespace keep, those of another have room, and
// nobody loses what he has.
func TestNobodyCanTakeTheMemoryOfOthers(t *testing.T) {
	t.Parallel()
	budget := rest.NewBudget(192 * mib)
	victim := budget.Share("victim", 64*mib, "")
	if err := victim.Reserve(20 * mib); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range 200 { // each is smaller than the victim
		if err := budget.Share("hog", 64*mib, "").Reserve(2 * mib); errors.Is(err, rest.ErrBudget) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused != 200-96/2 {
		t.Errorf("%d of 200 connections of one namespace are refused", refused)
	}
	if err := victim.Reserve(20 * mib); err != nil || victim.Used() != 40*mib {
		t.Errorf("the victim has %d bytes: %v", victim.Used(), err)
	}
}

func TestOneConnectionLeavesRoomToItsNeighbours(t *testing.T) {
	t.Parallel()
	budget := rest.NewBudget(192 * mib)
	hog, neighbour := budget.Share("team", 512*mib, "spec.limits.x"), budget.Share("team", 512*mib, "")
	err := hog.Reserve(48*mib + 1)
	if !rest.IsTooLarge(err) || !strings.Contains(err.Error(), "--max-answer-memory") {
		t.Errorf("got %v", err)
	}
	for _, s := range []*rest.Share{hog, neighbour} {
		if err := s.Reserve(48 * mib); err != nil {
			t.Error(err)
		}
	}
	if err := budget.Share("team", 512*mib, "").Reserve(mib); err != nil {
		t.Errorf("the namespace has used up its part, but a small answer has no room: %v", err)
	}
}

// TestManyConnectionsTakeNoMoreThanLargeOnes: what is guaranteed to each of them takes nothing from others, and ends.
func TestManyConnectionsTakeNoMoreThanLargeOnes(t *testing.T) {
	t.Parallel()
	budget := rest.NewBudget(192 * mib)
	var hogs []*rest.Share
	var held int64
	for range 1000 {
		hog := budget.Share("hog", 64*mib, "")
		_ = hog.Reserve(mib)
		hogs, held = append(hogs, hog), held+hog.Used()
	}
	if held != 192*mib {
		t.Errorf("the connections of one namespace hold %d MiB", held/mib)
	}
	victim := budget.Share("victim", 64*mib, "")
	if err := victim.Reserve(48 * mib); err != nil {
		t.Errorf("there is no room left for another namespace: %v", err)
	}
	for _, hog := range hogs {
		hog.Close()
	}
	victim.Close()
	for i := range 4 { // everything is free again
		if err := budget.Share(fmt.Sprint("namespace-", i/2), 64*mib, "").Reserve(48 * mib); err != nil {
			t.Error(err)
		}
	}
}

// TestTheBudgetHoldsForAllNamespacesTogether, except for a little of each connection.
func TestTheBudgetHoldsForAllNamespacesTogether(t *testing.T) {
	t.Parallel()
	budget := rest.NewBudget(192 * mib)
	var total int64
	for i := range 20 {
		s := budget.Share(fmt.Sprint("namespace-", i), 64*mib, "")
		_ = s.Reserve(mib)
		_ = s.Reserve(40 * mib)
		total += s.Used()
	}
	if total > (192+20)*mib {
		t.Errorf("%d MiB are held", total/mib)
	}
}

func TestAShareHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	share := rest.NewBudget(1000).Share("", 100, "spec.limits.x")
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
	const most = 16 * mib
	budget := rest.NewBudget(4 * most)
	old, older, next := budget.Share("", most, ""), budget.Share("", most, ""), budget.Share("", most, "")
	if err := errors.Join(old.Reserve(most), older.Reserve(most)); err != nil {
		t.Fatal(err)
	}
	if err := next.Reserve(most); !errors.Is(err, rest.ErrBudget) {
		t.Errorf("got %v", err)
	}
	old.Close()
	old.Release(most) // by a caller that does not know of it yet
	if err := old.Reserve(most); err != nil {
		t.Error(err)
	}
	if err := next.Reserve(most); err != nil {
		t.Error(err)
	}
}

// TestABudgetHolds makes many callers reserve and release concurrently.
func TestABudgetHolds(t *testing.T) {
	t.Parallel()
	const limit, sharers, rounds = 64 * mib, 8, 2000
	budget := rest.NewBudget(limit)
	shares := make([]*rest.Share, sharers)
	for i := range shares {
		shares[i] = budget.Share(fmt.Sprint(i%3), limit, "")
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
				if total > limit+sharers*mib { // shares change while they are added up
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
