// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// discreetly is the key of a context in which no names of the appliance are suggested.
type discreetly struct{}

// discreet returns a context in which messages to the author of an object suggest no names, if the object is in another
// namespace than its connection: its author is not to see what else the appliance has.
func discreet(ctx context.Context, obj kinds.PolicyObject) context.Context {
	if connection.Target(obj.Connection(), obj.GetNamespace()).Namespace == obj.GetNamespace() {
		return ctx
	}
	return context.WithValue(ctx, discreetly{}, true)
}

func isDiscreet(ctx context.Context) bool { return ctx.Value(discreetly{}) != nil }

// nearby is a name that was not found, as a message shows it, followed by the names that are most like it.
func nearby(ctx context.Context, wanted string, names iter.Seq[string]) (string, error) {
	if isDiscreet(ctx) {
		return strconv.Quote(wanted), nil
	}
	near, err := nearest(ctx, wanted, names)
	if err != nil {
		return "", err
	}
	name, hint := suggestion(wanted, near)
	return name + hint, nil
}

// suggestion is a name that was not found, and the end of the message about it: similar names. A name that could be
// mistaken for another one, or that has invisible characters, is quoted in ASCII to show the difference.
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
