// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
	"golang.org/x/text/unicode/norm"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file is about names that were not found.

// Suggestion is a name that was not found, and the end of the message about it: similar names. A name that could be
// mistaken for another one, or that has invisible characters, is quoted in ASCII to show the difference.
func Suggestion(wanted string, near []string) (name, hint string) {
	if len(near) == 0 {
		return strconv.Quote(wanted), "; it has none at all"
	}
	plain := !deceives(wanted) && !slices.ContainsFunc(near, func(n string) bool { return resembles(n, wanted) })
	name = strconv.Quote(wanted)
	if !plain {
		name = strconv.QuoteToASCII(wanted)
	}
	shown := make([]string, 0, len(near))
	for _, n := range near {
		if deceives(n) || !plain && resembles(n, wanted) {
			n = strconv.QuoteToASCII(n)
		}
		shown = append(shown, n)
	}
	return name, "; similar names: " + strings.Join(shown, ", ")
}

// deceives reports whether a name has something invisible or ambiguous: leading, trailing, repeated or unusual spaces,
// unprintable characters, combining accents, letters of several scripts.
func deceives(name string) bool {
	return name != strings.Join(strings.Fields(name), " ") || !norm.NFC.IsNormalString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) || len(scriptsOf(name)) > 1
}

// resembles reports whether two names of the same length have letters of different scripts, as a name and its imitation
// in look-alike letters do.
func resembles(a, b string) bool {
	return utf8.RuneCountInString(a) == utf8.RuneCountInString(b) && !slices.Equal(scriptsOf(a), scriptsOf(b))
}

// lookalikes are scripts with letters of the same shape.
var lookalikes = []string{"Armenian", "Cherokee", "Cyrillic", "Greek", "Latin"}

// scriptsOf are the scripts among lookalikes that a name has letters of.
func scriptsOf(name string) []string {
	var out []string
	for _, script := range lookalikes {
		if strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Scripts[script], r) }) {
			out = append(out, script)
		}
	}
	return out
}

const (
	// maxNearest is how many names a message suggests.
	maxNearest = 3
	// maxCandidates is how many names are compared with the wanted one, and maxCompared how much of each, in bytes: a
	// suggestion is a courtesy, and comparing is slow.
	maxCandidates = 1000
	maxCompared   = 64
)

// candidate is a name, and how far it is from the wanted one.
type candidate struct {
	name     string
	distance int
}

// Nearest returns the names that are most like the wanted one, among the first maxCandidates.
func Nearest(ctx context.Context, wanted string, names iter.Seq[string]) ([]string, error) {
	wanted = strings.ToLower(rest.Shorten(wanted, maxCompared))
	var found []candidate
	seen := 0
	for name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if name = rest.Shorten(name, maxCompared); name == "" {
			continue
		}
		if seen++; seen > maxCandidates {
			break
		}
		found = append(found, candidate{name, levenshtein.ComputeDistance(wanted, strings.ToLower(name))})
		slices.SortFunc(found, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
		})
		found = found[:min(len(found), maxNearest)]
	}
	out := make([]string, 0, len(found))
	for _, c := range found {
		out = append(out, c.name)
	}
	return out, nil
}
