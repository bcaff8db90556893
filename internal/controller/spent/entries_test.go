// SPDX-License-Identifier: Apache-2.0

package spent

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

var today = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	want := Entry{UID: "43a54a6d-1ba3-4b98-a2eb-552e03c60766", Made: today.Add(-time.Hour), Seen: today}
	got, ok := parseEntry(want.String())
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v\n%s", ok, diff)
	}
}

func FuzzAnEntryThatSomebodyElseWroteIsReadOrIgnored(f *testing.F) {
	f.Add("")
	f.Add("uid 2030-01-02T03:04:05Z 2030-01-02T03:04:05Z")
	f.Add("uid yesterday today")
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := parseEntry(text)
		if !ok {
			return
		}
		if again, ok := parseEntry(e.String()); !ok || again.UID != e.UID || !again.Seen.Equal(e.Seen.Truncate(time.Second)) {
			t.Errorf("%q became %q", text, e)
		}
	})
}

func TestWhatHasRunOutIsForgotten(t *testing.T) {
	t.Parallel()
	data := map[string]string{
		"fresh":    Entry{"a", today, today}.String(),
		"old":      Entry{"b", today.Add(-2 * rememberFor), today.Add(-rememberFor + time.Second)}.String(),
		"too old":  Entry{"c", today, today.Add(-rememberFor)}.String(),
		"rubbish":  "rubbish",
		"no times": "d e f",
	}
	got := slices.Sorted(maps.Keys(entriesOf(data, today)))
	if diff := cmp.Diff([]string{"fresh", "old"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFullMemoryForgetsWhatWasSeenLongestAgo(t *testing.T) {
	t.Parallel()
	all := entries{}
	for n := range maxEntries + 3 {
		all[strconv.Itoa(n)] = Entry{types.UID(strconv.Itoa(n)), today, today.Add(time.Duration(n) * time.Second)}
	}
	data := all.data()
	if len(data) != maxEntries {
		t.Errorf("%d entries", len(data))
	}
	for n, want := range []bool{false, false, false, true} {
		if _, kept := data[strconv.Itoa(n)]; kept != want {
			t.Errorf("entry %d: kept is %v", n, kept)
		}
	}
	size := 0
	for key, text := range data {
		size += len(key) + len(text)
	}
	if size > 1<<18 {
		t.Errorf("%d bytes", size)
	}
}
