// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// many are objects k1 to kN under a name.
func many(n int, name string) []sps.Record {
	var out []sps.Record
	for i := range n {
		out = append(out, thing("k"+strconv.Itoa(i+1), name+strconv.Itoa(i+1)))
	}
	return out
}

// known returns an inventory that shows the objects of a box.
func known(t *testing.T, b *box) *Inventory {
	t.Helper()
	i := newInventory(b, nil)
	names(t, i)
	pass(time.Second)
	return i
}

// readAgain has an object read again that was asked for just now, and returns when to ask again.
func readAgain(t *testing.T, i *Inventory, key string) time.Duration {
	t.Helper()
	asked := time.Now()
	pass(time.Millisecond)
	after, err := i.ReadAgain(t.Context(), sps.RDPConnections, key, asked)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func TestARequestReadsWhatTheHashHides(t *testing.T) {
	for what, c := range map[string]struct {
		key, hash   string
		lists, gets int32
	}{
		"one object alone, by its key":                       {key: "k1", hash: "1", gets: 1},
		"the list, for an object that is not there yet":      {key: "", hash: "1", lists: 1},
		"the list, for a key that is not there":              {key: "gone", hash: "1", lists: 1},
		"the list, if the configuration has moved meanwhile": {key: "k1", hash: "2", lists: 1},
		"the list, of an appliance without a hash":           {key: "k1", hash: "", lists: 1},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &box{}
				first := "1"
				if c.hash == "" {
					first = ""
				}
				b.set(first, many(100, "old-")...)
				i := known(t, b)
				b.set(c.hash, many(100, "new-")...)
				lists, gets := b.lists.Load(), b.gets.Load()
				if after := readAgain(t, i, c.key); after != 0 {
					t.Fatalf("to be asked again in %s", after)
				}
				if l, g := b.lists.Load()-lists, b.gets.Load()-gets; l != c.lists || g != c.gets {
					t.Errorf("%d lists and %d single reads, want %d and %d", l, g, c.lists, c.gets)
				}
				if got := names(t, i)[0]; got != "new-1" {
					t.Errorf("it shows %q", got)
				}
				_, changed, err := i.Check(t.Context())
				if want := c.hash != "1"; err != nil || changed != want {
					t.Errorf("changed is %v, want %v: %v", changed, want, err)
				}
			})
		})
	}
}

func TestARequestThatWasReadSinceCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		b.set("1", many(10, "a-")...)
		i := known(t, b)
		asked := time.Now()
		pass(time.Second)
		for _, key := range []string{"", "k1", "k2", ""} { // the first one reads the list
			if after, err := i.ReadAgain(t.Context(), sps.RDPConnections, key, asked); err != nil || after != 0 {
				t.Fatal(after, err)
			}
		}
		if b.lists.Load() != 2 || b.gets.Load() != 0 {
			t.Errorf("%d lists and %d single reads, want 2 and none", b.lists.Load(), b.gets.Load())
		}
	})
}

// A flood of requests, each for another object and each seen at another time.
func TestAFloodOfRequestsIsNoFloodOfCalls(t *testing.T) {
	for what, c := range map[string]struct {
		keysOnly    bool
		lists, gets int32
	}{
		"where lists have bodies":    {lists: 12, gets: freeLookups + 3},
		"where lists have only keys": {keysOnly: true, gets: 1000},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &box{keysOnly: c.keysOnly}
				b.set("1", many(1000, "a-")...)
				i := known(t, b)
				lists := b.lists.Load()
				var wg sync.WaitGroup
				for n := range 1000 {
					pass(10 * time.Millisecond)
					asked := time.Now()
					wg.Go(func() {
						for {
							pass(time.Millisecond)
							after, err := i.ReadAgain(t.Context(), sps.RDPConnections, "k"+strconv.Itoa(n+1), asked)
							if err != nil {
								t.Error(err)
							}
							if after == 0 {
								return
							}
							pass(after)
						}
					})
				}
				wg.Wait()
				if l, g := b.lists.Load()-lists, b.gets.Load(); l > c.lists || g > c.gets {
					t.Errorf("%d lists and %d single reads for 1000 requests in 10 s, want at most %d and %d", l, g, c.lists, c.gets)
				}
			})
		})
	}
}

func TestTheApplianceRestsBetweenListsOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		b.set("1", many(3, "a-")...)
		i := known(t, b)
		for _, c := range []struct{ takes, rest time.Duration }{
			{time.Millisecond, minRest}, {5 * time.Second, 20 * time.Second}, {time.Hour, maxRest},
		} {
			b.listing = func() { pass(c.takes) }
			if after := readAgain(t, i, ""); after != 0 {
				t.Fatalf("it was not read for another %s", after)
			}
			if after := readAgain(t, i, ""); after <= c.rest-10*time.Millisecond || after > c.rest {
				t.Errorf("a rest of %s after a list of %s, want %s", after, c.takes, c.rest)
			}
			pass(c.rest)
		}
	})
}

func TestEverythingIsReadAgainOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		b.set("1", many(3, "old-")...)
		i := known(t, b)
		if _, err := i.List(t.Context(), sps.Users); err != nil {
			t.Fatal(err)
		}
		asked := time.Now()
		pass(time.Second)
		b.set("1", many(3, "new-")...)
		lists := b.lists.Load()
		for range 2 {
			if after, err := i.ReadAllAgain(t.Context(), asked); err != nil || after != 0 {
				t.Fatal(after, err)
			}
		}
		if got := b.lists.Load() - lists; got != 2 {
			t.Errorf("%d lists, want one of each collection", got)
		}
		if got := names(t, i)[0]; got != "new-1" {
			t.Errorf("it shows %q", got)
		}
		if after, err := i.ReadAllAgain(t.Context(), time.Now()); err != nil || after == 0 {
			t.Errorf("read again without a rest: %v", err)
		}
	})
}

func TestARequestThatCannotBeReadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		b.set("1", many(3, "a-")...)
		i := known(t, b)
		b.mu.Lock()
		b.err = errors.New("no answer")
		b.mu.Unlock()
		asked := time.Now()
		pass(time.Second)
		if _, err := i.ReadAgain(t.Context(), sps.RDPConnections, "k1", asked); !errors.Is(err, b.err) {
			t.Errorf("got %v", err)
		}
		if _, err := i.ReadAllAgain(t.Context(), asked); !errors.Is(err, b.err) {
			t.Errorf("got %v", err)
		}
		if got := names(t, i)[0]; got != "a-1" {
			t.Errorf("it shows %q", got)
		}
	})
}
