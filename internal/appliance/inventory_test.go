// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// box is an appliance that counts how often it is read.
type box struct {
	mu      sync.Mutex
	hash    string
	objects []sps.Record
	err     error
	lists   atomic.Int32
	gets    atomic.Int32
	// keyLists counts lists of keys alone.
	keyLists atomic.Int32
	// keysOnly says that lists carry no bodies, so that one costs a call for each object.
	keysOnly bool
	// listing, if not nil, is called while a list is in flight.
	listing func()
}

func (b *box) Info(context.Context) (sps.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sps.Info{ConfigHash: b.hash}, b.err
}

func (b *box) Keys(context.Context, sps.Collection) (map[string]bool, error) {
	b.keyLists.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := map[string]bool{}
	for _, o := range b.objects {
		keys[o.Key] = true
	}
	return keys, b.err
}

func (b *box) ListsBodies(sps.Collection) bool { return !b.keysOnly }

func (b *box) List(context.Context, sps.Collection) ([]sps.Record, error) {
	b.lists.Add(1)
	if b.listing != nil {
		b.listing()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.objects), b.err
}

func (b *box) Get(_ context.Context, _ sps.Collection, key string) (sps.Object, error) {
	b.gets.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.objects {
		if o.Key == key {
			return o.Object()
		}
	}
	return sps.Object{}, &rest.Error{Method: http.MethodGet, Status: http.StatusNotFound, Sent: true}
}

func (b *box) set(hash string, objects ...sps.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hash, b.objects = hash, objects
}

func thing(key, name string) sps.Record {
	r, err := sps.NewRecord(key, sps.Body{"name": name})
	if err != nil {
		panic(err)
	}
	return r
}

func wrote(r sps.Record) effect { return effect{collection: sps.RDPConnections, record: r} }

func deleted(key string) effect {
	return effect{collection: sps.RDPConnections, record: sps.Record{Key: key}, deletes: true}
}

func names(t *testing.T, i *Inventory) []string {
	t.Helper()
	listing, err := i.List(t.Context(), sps.RDPConnections)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range listing.Records() {
		out = append(out, r.Name)
	}
	return out
}

func TestInventoryIsReadOnceUntilTheConfigurationMoves(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	i := newInventory(b, nil)
	check := func(want bool) {
		t.Helper()
		if _, changed, err := i.Check(t.Context()); err != nil || changed != want {
			t.Fatalf("changed %v, %v, want %v", changed, err, want)
		}
	}
	check(true) // it has never been seen
	names(t, i)
	names(t, i)
	check(false)
	names(t, i)
	if got := b.lists.Load(); got != 1 {
		t.Fatalf("%d lists, want 1", got)
	}
	b.set("2", thing("k1", "a"), thing("k2", "b"))
	check(true)
	if diff := cmp.Diff([]string{"a", "b"}, names(t, i)); diff != "" {
		t.Error(diff)
	}
}

func TestInventoryThatIsReadBeforeItIsCheckedIsNotReadTwice(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	i := newInventory(b, nil)
	names(t, i)
	if _, changed, err := i.Check(t.Context()); err != nil || changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	names(t, i)
	if got := b.lists.Load(); got != 1 {
		t.Errorf("%d lists, want 1", got)
	}
}

func TestInventoryWithoutConfigHashIsReadAgainAtEveryCheck(t *testing.T) {
	b := &box{}
	b.set("", thing("k1", "a"))
	i := newInventory(b, nil)
	for range 3 {
		if _, changed, err := i.Check(t.Context()); err != nil || !changed {
			t.Fatalf("changed %v, %v", changed, err)
		}
		names(t, i)
	}
	if got := b.lists.Load(); got != 3 {
		t.Errorf("%d lists, want 3", got)
	}
}

func TestInventoryAdmitsOneReader(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	var inside, most atomic.Int32
	b.listing = func() {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		inside.Add(-1)
	}
	i := newInventory(b, nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := i.List(context.Background(), sps.RDPConnections); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if b.lists.Load() != 1 || most.Load() != 1 {
		t.Errorf("%d lists, %d at a time; want 1 and 1", b.lists.Load(), most.Load())
	}
}

func TestInventoryForgetsAListThatWasBegunBeforeAMove(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	i := newInventory(b, nil)
	b.listing = func() {
		b.listing = nil
		b.set("2", thing("k1", "renamed"))
		i.Forget()
	}
	names(t, i)
	names(t, i)
	if got := b.lists.Load(); got != 2 {
		t.Errorf("%d lists, want a second one after the change", got)
	}
}

func TestInventoryDoesNotKeepWhatItReadOfAnotherConfiguration(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	i := newInventory(b, nil)
	if _, _, err := i.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.set("2", thing("k1", "passing"))
	if got := names(t, i); got[0] != "passing" {
		t.Errorf("got %v", got)
	}
	b.set("1", thing("k1", "a")) // undone before anybody has checked
	if _, changed, err := i.Check(t.Context()); err != nil || !changed {
		t.Errorf("the change was not reported: %v", err)
	}
	if got := names(t, i); got[0] != "a" {
		t.Errorf("got %v, which was undone", got)
	}
}

func TestInventoryTellsOfAMoveThatAReaderFound(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	i := newInventory(b, nil)
	if _, _, err := i.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.set("2", thing("k1", "changed"))
	names(t, i)
	for n, want := range []bool{true, false} {
		if _, changed, err := i.Check(t.Context()); err != nil || changed != want {
			t.Errorf("check %d: changed is %v, want %v: %v", n, changed, want, err)
		}
	}
}

func TestInventoryOfAConfigurationThatKeepsMovingIsReadForTheCallerOnly(t *testing.T) {
	b := &box{}
	b.set("0", thing("k1", "a"))
	i := newInventory(b, nil)
	n := 0
	b.listing = func() {
		n++
		b.set(strconv.Itoa(n), thing("k1", "a"))
	}
	names(t, i)
	if got := b.lists.Load(); got != readAttempts+1 {
		t.Errorf("%d lists, want %d", got, readAttempts+1)
	}
}

func TestInventoryTakesOverWhatWasCommitted(t *testing.T) {
	written := []effect{
		wrote(thing("k3", "new")), wrote(thing("k1", "changed")), deleted("k2"), deleted("k9"),
		{collection: sps.Users, record: thing("u1", "never read")},
	}
	for name, c := range map[string]struct {
		base, now string
		want      []string
		lists     int32
	}{
		"the base is what the inventory shows: nothing is read again": {
			base: "1", now: "2", want: []string{"changed", "new"}, lists: 1,
		},
		"the base has changed: everything is read again": {base: "0", now: "2", want: []string{"a", "b"}, lists: 2},
		"the base is not known":                          {base: "", now: "2", want: []string{"a", "b"}, lists: 2},
		"the new hash is not known":                      {base: "1", now: "", want: []string{"a", "b"}, lists: 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := &box{}
			b.set("1", thing("k1", "a"), thing("k2", "b"))
			i := newInventory(b, nil)
			if _, _, err := i.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			names(t, i)
			b.set(c.now, thing("k1", "a"), thing("k2", "b"))
			i.committed(c.base, c.now, written)
			if diff := cmp.Diff(c.want, names(t, i)); diff != "" {
				t.Error(diff)
			}
			if got := b.lists.Load(); got != c.lists {
				t.Errorf("%d lists, want %d", got, c.lists)
			}
			if i.shows(c.now) != (c.now != "") {
				t.Errorf("shows(%q) is %v", c.now, i.shows(c.now))
			}
		})
	}
}

// kept is the name that an object has on the appliance, whatever it was sent.
const kept = "as the appliance keeps it"

// commit has the inventory show k1 to kN, and takes over that some of them were written.
func commit(t *testing.T, b *box, total, written int) *Inventory {
	t.Helper()
	var there, now []sps.Record
	var effects []effect
	for n := 1; n <= total; n++ {
		key := "k" + strconv.Itoa(n)
		there, now = append(there, thing(key, "old")), append(now, thing(key, kept))
		if n <= written {
			effects = append(effects, wrote(thing(key, "as it was sent")))
		}
	}
	b.set("1", there...)
	i := newInventory(b, nil)
	names(t, i)
	b.set("2", now...)
	i.committed("1", "2", effects)
	return i
}

func TestInventoryConfirmsWhatWasWritten(t *testing.T) {
	for name, c := range map[string]struct {
		keysOnly              bool
		total, written        int
		wantLists, wantReads  int32
		wantNames, wantOthers string
	}{
		"one of many is read alone": {
			total: 100, written: 1, wantReads: 1, wantNames: kept, wantOthers: "old",
		},
		"a few of very many are read one by one": {
			total: 100, written: 5, wantReads: 5, wantNames: kept, wantOthers: "old",
		},
		"many are read with one list": {
			total: 100, written: 20, wantLists: 1, wantNames: kept, wantOthers: kept,
		},
		"many are read one by one where a list has no bodies": {
			keysOnly: true, total: 100, written: 20, wantReads: 20,
			wantNames: kept, wantOthers: "old",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &box{keysOnly: c.keysOnly}
			i := commit(t, b, c.total, c.written)
			lists, gets := b.lists.Load(), b.gets.Load()
			var wg sync.WaitGroup
			for n := 1; n <= c.total; n++ {
				wg.Go(func() {
					if err := i.Confirm(t.Context(), sps.RDPConnections, "k"+strconv.Itoa(n)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			got := names(t, i)
			if got[0] != c.wantNames || got[c.total-1] != c.wantOthers {
				t.Errorf("the first is %q and the last %q", got[0], got[c.total-1])
			}
			if l, g := b.lists.Load()-lists, b.gets.Load()-gets; l != c.wantLists || g != c.wantReads {
				t.Errorf("%d lists and %d reads, want %d and %d", l, g, c.wantLists, c.wantReads)
			}
		})
	}
}

func TestInventoryConfirmsThatAnObjectIsGone(t *testing.T) {
	b := &box{}
	i := commit(t, b, 3, 1)
	b.set("2", thing("k2", "b"), thing("k3", "c"))
	if err := i.Confirm(t.Context(), sps.RDPConnections, "k1"); !IsUnconfirmed(err) {
		t.Errorf("%v, want unconfirmed", err)
	}
	// Everything else that was believed about that commit is read again.
	if diff := cmp.Diff([]string{"b", "c"}, names(t, i)); diff != "" {
		t.Error(diff)
	}
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestInventoryIsReadAgainAWhileAfterACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		i := commit(t, b, 2, 1)
		// Another client's change hides behind the same hash.
		b.set("2", thing("k1", "as it was sent"), thing("k2", "hidden change"))
		for range 3 {
			pass(believeWritesFor / 3)
			if _, changed, err := i.Check(t.Context()); err != nil || changed {
				t.Fatalf("changed %v, %v", changed, err)
			}
		}
		pass(time.Second)
		if _, changed, err := i.Check(t.Context()); err != nil || !changed {
			t.Fatalf("changed %v, %v", changed, err)
		}
		if got := names(t, i)[1]; got != "hidden change" {
			t.Errorf("it shows %q", got)
		}
		pass(2 * believeWritesFor)
		if _, changed, err := i.Check(t.Context()); err != nil || changed {
			t.Errorf("nothing was committed since, but changed is %v, %v", changed, err)
		}
	})
}

func TestInventoryDoesNotTakeOurOwnCommitForSomebodyElses(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	i := newInventory(b, nil)
	names(t, i)
	i.setCommitting(true)
	b.set("2", thing("k1", "ours"))
	if _, changed, err := i.Check(t.Context()); err != nil || changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	i.committed("1", "2", []effect{wrote(thing("k1", "ours"))})
	i.setCommitting(false)
	lists := b.lists.Load()
	if got := names(t, i)[0]; got != "ours" || b.lists.Load() != lists {
		t.Errorf("it shows %q after %d more lists", got, b.lists.Load()-lists)
	}
	if _, changed, err := i.Check(t.Context()); err != nil || changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	i.setCommitting(true)
	i.setCommitting(false) // the commit failed, and another client commits
	b.set("3", thing("k1", "theirs"))
	if _, changed, err := i.Check(t.Context()); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
}

func TestInventoryRefreshReadsWhatIsNeededAgain(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"))
	i := newInventory(b, nil)
	names(t, i)
	for range 2 {
		if err := i.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.lists.Load(); got != 1 {
		t.Fatalf("%d lists although nothing changed", got)
	}
	b.set("2", thing("k1", "changed"))
	if err := i.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	lists := b.lists.Load()
	if got := names(t, i)[0]; got != "changed" || b.lists.Load() != lists || !i.shows("2") {
		t.Errorf("it shows %q after %d more lists", got, b.lists.Load()-lists)
	}
	if _, changed, err := i.Check(t.Context()); err != nil || !changed {
		t.Errorf("the change that Refresh found is not reported: %v, %v", changed, err)
	}
}

func TestFindByName(t *testing.T) {
	b := &box{}
	b.set("1", thing("k1", "a"), thing("k2", "twice"), thing("k3", "twice"))
	i := newInventory(b, nil)
	if o, at, err := ByName(t.Context(), i, sps.RDPConnections, "a"); err != nil || at != 0 || o.Key != "k1" {
		t.Errorf("%v at %d, %v", o, at, err)
	}
	if o, at, err := ByName(t.Context(), i, sps.RDPConnections, "none"); err != nil || at != -1 || o.Key != "" {
		t.Errorf("%v at %d, %v", o, at, err)
	}
	_, _, err := ByName(t.Context(), i, sps.RDPConnections, "twice")
	ambiguous, ok := errors.AsType[*AmbiguousError](err)
	if !ok {
		t.Fatalf("%v, want an AmbiguousError", err)
	}
	if diff := cmp.Diff([]string{"k2", "k3"}, ambiguous.Keys); diff != "" {
		t.Error(diff)
	}
}
