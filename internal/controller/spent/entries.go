// SPDX-License-Identifier: Apache-2.0

package spent

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// rememberFor is how long a request is remembered after its object was last seen.
	rememberFor = 90 * 24 * time.Hour
	// refreshAfter is how old that may be before it is written again.
	refreshAfter = 7 * 24 * time.Hour
	// maxEntries is how many requests a namespace may have remembered, in about 130 kB. The one whose object was seen
	// longest ago is forgotten for a new one.
	maxEntries = 1000
)

// Entry is one request that was made.
type Entry struct {
	// UID is that of the object that made it.
	UID types.UID
	// Made is when it was recorded, and Seen when its object, or one that asks for the same, was last seen.
	Made, Seen time.Time
}

// String is the form in which an entry is stored.
func (e Entry) String() string {
	return strings.Join([]string{
		string(e.UID), e.Made.UTC().Format(time.RFC3339), e.Seen.UTC().Format(time.RFC3339),
	}, " ")
}

// parseEntry reads what String has written.
func parseEntry(text string) (e Entry, ok bool) {
	words := strings.Fields(text)
	const members = 3
	if len(words) != members {
		return Entry{}, false
	}
	made, err1 := time.Parse(time.RFC3339, words[1])
	seen, err2 := time.Parse(time.RFC3339, words[2])
	return Entry{types.UID(words[0]), made, seen}, err1 == nil && err2 == nil
}

// entries are what a namespace has remembered, by the keys of the requests.
type entries map[string]Entry

// entriesOf reads stored entries. What has run out is left out, and so is what cannot be read.
func entriesOf(data map[string]string, now time.Time) entries {
	out := make(entries, len(data)+1)
	for key, text := range data {
		if e, ok := parseEntry(text); ok && now.Sub(e.Seen) < rememberFor {
			out[key] = e
		}
	}
	return out
}

// data is the stored form, of no more than maxEntries.
func (e entries) data() map[string]string {
	keys := slices.SortedFunc(maps.Keys(e), func(a, b string) int {
		return cmp.Or(e[b].Seen.Compare(e[a].Seen), cmp.Compare(a, b))
	})
	out := map[string]string{}
	for _, key := range keys[:min(len(keys), maxEntries)] {
		out[key] = e[key].String()
	}
	return out
}
