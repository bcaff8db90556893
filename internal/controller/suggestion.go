// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// nearby is a name that was not found, as a message shows it, with the names that are most like it.
func nearby(ctx context.Context, wanted string, names iter.Seq[string]) (string, error) {
	near, err := nearest(ctx, wanted, names)
	if err != nil {
		return "", err
	}
	name, hint := suggestion(wanted, near)
	return name + hint, nil
}

// suggestion is a name that was not found, and the end of the message that says so: the names that are near. A name
// that a person could take for another one, or for one without a blank, is shown with what makes the difference.
func suggestion(wanted string, near []string) (name, hint string) {
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
	return name, "; near it are " + strings.Join(shown, ", ")
}

// deceives says that a name has something that nobody sees or that looks like something else: blanks at an end or more
// than one, blanks that are none, signs without a shape, accents that stand apart, letters of several scripts.
func deceives(name string) bool {
	return name != strings.Join(strings.Fields(name), " ") || !norm.NFC.IsNormalString(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) }) || len(scriptsOf(name)) > 1
}

// resembles says that two names of one length have letters of different scripts, as they do where one has letters that
// only look like those of the other.
func resembles(a, b string) bool {
	return utf8.RuneCountInString(a) == utf8.RuneCountInString(b) && !slices.Equal(scriptsOf(a), scriptsOf(b))
}

// lookalikes are scripts that share shapes of letters.
var lookalikes = []string{"Armenian", "Cherokee", "Cyrillic", "Greek", "Latin"}

// scriptsOf are those of lookalikes that a name has letters of.
func scriptsOf(name string) []string {
	var out []string
	for _, script := range lookalikes {
		if strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Scripts[script], r) }) {
			out = append(out, script)
		}
	}
	return out
}
