// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// erased is an inventory that has read a number of objects, k0 and so on, and then committed the deletion of the first
// of them; the appliance still has those in there.
func erased(t *testing.T, b *box, total, deletions int, there ...int) *Inventory {
	t.Helper()
	objects := make([]sps.Record, 0, total)
	for n := range total {
		objects = append(objects, thing("k"+strconv.Itoa(n), "object-"+strconv.Itoa(n)))
	}
	b.set("1", objects...)
	i := newInventory(b, nil)
	names(t, i)
	effects := make([]effect, 0, deletions)
	for n := range deletions {
		effects = append(effects, deleted("k"+strconv.Itoa(n)))
	}
	left := objects[deletions:]
	for _, n := range there {
		left = append(left, objects[n])
	}
	b.set("2", left...)
	i.committed("1", "2", effects)
	return i
}

// TestADeletionIsConfirmed has every deletion confirmed at the same time, as after a batch.
func TestADeletionIsConfirmed(t *testing.T) {
	tests := map[string]struct {
		total, deletions int
		there            []int
		keysOnly         bool
		wantLists        int32
		wantReads        int32
	}{
		"one":                {total: 100, deletions: 1, wantReads: 1},
		"few of many":        {total: 100, deletions: 3, wantReads: 3},
		"many":               {total: 100, deletions: 40, wantLists: 1},
		"few, keys only":     {total: 100, deletions: 3, keysOnly: true, wantLists: 1},
		"one is still there": {total: 100, deletions: 1, there: []int{0}, wantReads: 1},
		"many are still there": {
			total: 100, deletions: 40, there: []int{3, 5, 39}, wantLists: 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := &box{keysOnly: tc.keysOnly}
			i := erased(t, b, tc.total, tc.deletions, tc.there...)
			answers := make([]error, tc.deletions)
			var all sync.WaitGroup
			for n := range tc.deletions {
				all.Go(func() { answers[n] = i.ConfirmDeleted(t.Context(), sps.RDPConnections, "k"+strconv.Itoa(n)) })
			}
			all.Wait()
			var there []int
			for n, err := range answers {
				if IsUnconfirmed(err) {
					there = append(there, n)
				} else if err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(tc.there, there); diff != "" {
				t.Errorf("still there (-want +got):\n%s", diff)
			}
			if lists, reads := b.keyLists.Load(), b.gets.Load(); lists != tc.wantLists || reads != tc.wantReads {
				t.Errorf("%d lists and %d reads, want %d and %d", lists, reads, tc.wantLists, tc.wantReads)
			}
			if len(names(t, i)) != tc.total-tc.deletions+len(tc.there) {
				t.Errorf("the inventory does not show what is there: %v", names(t, i))
			}
		})
	}
}

func TestWhatWasReadSinceIsConfirmed(t *testing.T) {
	b := &box{}
	i := erased(t, b, 3, 2, 1)
	i.Forget()
	names(t, i)
	gone := i.ConfirmDeleted(t.Context(), sps.RDPConnections, "k0")
	still := i.ConfirmDeleted(t.Context(), sps.RDPConnections, "k1")
	if gone != nil || !IsUnconfirmed(still) || b.gets.Load()+b.keyLists.Load() != 0 {
		t.Errorf("%v, %v, after %d reads and %d lists of keys", gone, still, b.gets.Load(), b.keyLists.Load())
	}
	if err := i.ConfirmDeleted(t.Context(), sps.RDPConnections, "another"); err != nil {
		t.Errorf("what we never deleted is as it was read: %v", err)
	}
}

func TestADeletionIsNotConfirmedWithoutAnAnswer(t *testing.T) {
	b := &box{}
	i := erased(t, b, 20, 9)
	b.err = fmt.Errorf("no answer")
	if err := i.ConfirmDeleted(t.Context(), sps.RDPConnections, "k1"); err == nil || IsUnconfirmed(err) {
		t.Errorf("got %v", err)
	}
	b.err = nil
	if err := i.ConfirmDeleted(t.Context(), sps.RDPConnections, "k1"); err != nil {
		t.Errorf("got %v", err)
	}
}

// An object that is looked up by name counts as gone only in a collection that was read.
func TestWithoutAKeyNoDeletionOfOursIsReliedUpon(t *testing.T) {
	b := &box{}
	i := erased(t, b, 3, 1, 0)
	if err := i.ConfirmDeleted(t.Context(), sps.RDPConnections, ""); !IsUnconfirmed(err) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"object-1", "object-2", "object-0"}, names(t, i)); diff != "" {
		t.Error(diff)
	}
	if err := i.ConfirmDeleted(t.Context(), sps.RDPConnections, ""); err != nil {
		t.Errorf("got %v", err)
	}
}

// A deletion is confirmed even if it is unknown which configuration the commit led to.
func TestADeletionIsConfirmedAfterACommitIntoTheUnknown(t *testing.T) {
	b := &box{}
	i := erased(t, b, 3, 0)
	i.committed("", "", []effect{deleted("k1")})
	if err := i.ConfirmDeleted(t.Context(), sps.RDPConnections, "k1"); !IsUnconfirmed(err) {
		t.Errorf("got %v", err)
	}
}

func TestChangesMembers(t *testing.T) {
	made := func(key string) effect {
		return effect{collection: sps.Users, record: sps.Record{Key: key}, creates: true}
	}
	gone := func(key string) effect {
		return effect{collection: sps.Users, record: sps.Record{Key: key}, deletes: true}
	}
	tests := map[string]struct {
		effects []effect
		want    bool
	}{
		"nothing":                     {},
		"a replace":                   {effects: []effect{{collection: sps.Users, record: sps.Record{Key: "a"}}}},
		"a create":                    {effects: []effect{made("a")}, want: true},
		"a delete":                    {effects: []effect{gone("a")}, want: true},
		"what was made is gone again": {effects: []effect{made("a"), gone("a")}},
		"a password is changed": {
			effects: []effect{
				{collection: sps.Passwords, record: sps.Record{Key: "p"}, creates: true},
				{collection: sps.Users, record: sps.Record{Key: "a"}},
			},
			want: true,
		},
		"one comes and another one goes": {effects: []effect{made("a"), gone("b")}, want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := changesMembers(tc.effects); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
