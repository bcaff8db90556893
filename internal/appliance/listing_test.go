// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// TestListingFollowsWrites compares a listing with a plain list to which the same is done.
func TestListingFollowsWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var plain []sps.Record
		for n := range rapid.IntRange(0, 5).Draw(t, "objects") {
			plain = append(plain, thing("k"+strconv.Itoa(n), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")))
		}
		listing := NewListing(slices.Clone(plain))
		original := slices.Clone(plain)
		changed := listing.after(sps.Users, nil)
		var effects []effect
		for range rapid.IntRange(0, 10).Draw(t, "writes") {
			key := "k" + strconv.Itoa(rapid.IntRange(0, 8).Draw(t, "key"))
			e := wrote(thing(key, rapid.SampledFrom([]string{"a", "b", "d"}).Draw(t, "new name")))
			e.deletes = rapid.Bool().Draw(t, "deletes")
			effects, plain = append(effects, e), model(plain, e)
			changed.apply(e)
		}
		same(t, "written one by one", changed, plain)
		same(t, "written together", listing.after(sps.RDPConnections, effects), plain)
		same(t, "of another collection", listing.after(sps.Users, effects), original)
		same(t, "the original", listing, original)
	})
}

func TestNamesAreFoundInEitherFormOfUnicode(t *testing.T) {
	l := NewListing([]sps.Record{thing("k1", "b\u00fcro"), thing("k2", "bu\u0308ro"), thing("k3", "ren\u00e9")})
	for name, want := range map[string][]string{
		"b\u00fcro": {"k1"}, "bu\u0308ro": {"k2"}, "rene\u0301": {"k3"}, "ren\u00e9": {"k3"}, "rene": {},
	} {
		if diff := cmp.Diff(want, l.Named(name)); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
	renamed := l.after(sps.Users, []effect{{collection: sps.Users, record: thing("k2", "rene\u0301")}})
	if diff := cmp.Diff([]string{"k1"}, renamed.Named("bu\u0308ro")); diff != "" {
		t.Error(diff)
	}
}

// model does to a plain list what a write does to a collection.
func model(plain []sps.Record, e effect) []sps.Record {
	at := slices.IndexFunc(plain, func(r sps.Record) bool { return r.Key == e.record.Key })
	plain = slices.Clone(plain)
	switch {
	case e.deletes && at >= 0:
		return slices.Delete(plain, at, at+1)
	case e.deletes:
		return plain
	case at < 0:
		return append(plain, e.record)
	}
	plain[at] = e.record
	return plain
}

func same(t *rapid.T, what string, l *Listing, want []sps.Record) {
	type entry struct{ Key, Name string }
	entries := func(records []sps.Record) []entry {
		out := []entry{}
		for _, r := range records {
			out = append(out, entry{r.Key, r.Name})
		}
		return out
	}
	if diff := cmp.Diff(entries(want), entries(l.Records())); diff != "" {
		t.Fatalf("%s:\n%s", what, diff)
	}
	if l.Len() != len(want) {
		t.Fatalf("%s: Len is %d", what, l.Len())
	}
	if first, ok := l.First(); ok != (len(want) > 0) || ok && first.Key != want[0].Key {
		t.Fatalf("%s: First is %q, %v", what, first.Key, ok)
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		var keys, wantKeys []string
		for _, at := range l.byName(name) {
			keys = append(keys, l.records[at].Key)
		}
		for _, r := range want {
			if found, at := l.byKey(r.Key); at < 0 || found.Name != r.Name {
				t.Fatalf("%s: %s is at %d with the name %q", what, r.Key, at, found.Name)
			}
			if r.Name == name {
				wantKeys = append(wantKeys, r.Key)
			}
		}
		slices.Sort(keys)
		slices.Sort(wantKeys)
		if diff := cmp.Diff(wantKeys, keys); diff != "" {
			t.Fatalf("%s: objects of the name %s:\n%s", what, name, diff)
		}
	}
}

func TestANameIsUniqueIfALookUpFindsOnlyItsObject(t *testing.T) {
	t.Parallel()
	records := []sps.Record{
		{Key: "1", Name: "a"}, {Key: "2", Name: "twice"}, {Key: "3", Name: "twice"}, {Key: "4"},
		{Key: "5", Name: "\u00e9"}, {Key: "6", Name: "e\u0301"},
	}
	l := NewListing(records)
	for key, want := range map[string]string{
		"1": "a", "2": "", "3": "", "4": "", "5": "\u00e9", "6": "e\u0301", "nowhere": "",
	} {
		if got := l.UniqueName(key); got != want {
			t.Errorf("%s: %q, not %q", key, got, want)
		}
	}
	for name, want := range map[string]int{"a": 1, "twice": 2, "\u00e9": 2, "nobody": 0} {
		if got := l.Namesakes(name); got != want {
			t.Errorf("%q: %d, not %d", name, got, want)
		}
	}
}

func TestEveryListingHasAVersionOfItsOwn(t *testing.T) {
	t.Parallel()
	l := NewListing([]sps.Record{{Key: "1", Name: "a"}})
	after := l.after(sps.Users, []effect{{collection: sps.Users, record: sps.Record{Key: "1"}, deletes: true}})
	if l.Version() == after.Version() {
		t.Errorf("%d, %d", l.Version(), after.Version())
	}
	count := 0
	for range after.All() {
		count++
	}
	if count != 0 {
		t.Errorf("%d objects are left", count)
	}
}
