// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSuggestion(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		wanted string
		near   []string
		name   string
		hint   string
	}{
		"none": {wanted: "a", name: `"a"`, hint: "; it has none at all"},
		"plain names": {
			wanted: "nightly", near: []string{"Nightly2", "daily b"}, name: `"nightly"`,
			hint: "; similar names: Nightly2, daily b",
		},
		"accents are letters": {
			wanted: "B\u00fcro", near: []string{"B\u00fcro2"}, name: "\"B\u00fcro\"", hint: "; similar names: B\u00fcro2",
		},
		"a blank at the end": {wanted: "all", near: []string{"all "}, name: `"all"`, hint: `; similar names: "all "`},
		"a blank at the end of what is wanted": {
			wanted: "all ", near: []string{"all"}, name: `"all "`, hint: "; similar names: all",
		},
		"a blank that does not break": {
			wanted: "a b", near: []string{"a\u00a0b"}, name: `"a b"`, hint: `; similar names: "a\u00a0b"`,
		},
		"two blanks":           {wanted: "a b", near: []string{"a  b"}, name: `"a b"`, hint: `; similar names: "a  b"`},
		"a sign without shape": {wanted: "ab", near: []string{"a\u200bb"}, name: `"ab"`, hint: `; similar names: "a\u200bb"`},
		"accents that stand apart": {
			wanted: "Buro", near: []string{"Bu\u0308ro"}, name: `"Buro"`, hint: `; similar names: "Bu\u0308ro"`,
		},
		"one letter of another script": {
			wanted: "Micr\u043esoft", near: []string{"Microsoft"}, name: `"Micr\u043esoft"`,
			hint: `; similar names: "Microsoft"`,
		},
		"all letters of another script": {
			wanted: "cop", near: []string{"\u0441\u043e\u0440"}, name: `"cop"`, hint: `; similar names: "\u0441\u043e\u0440"`,
		},
		"names in one script, whichever it is": {
			wanted: "\u0441\u043e\u0440", near: []string{"\u0441\u043e\u0440\u0442"},
			name: "\"\u0441\u043e\u0440\"", hint: "; similar names: \u0441\u043e\u0440\u0442",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name, hint := Suggestion(c.wanted, c.near)
			if name != c.name || hint != c.hint {
				t.Errorf("got %s%s, want %s%s", name, hint, c.name, c.hint)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	cases := map[string]struct {
		wanted string
		names  []string
		want   []string
	}{
		"the most alike come first": {
			"default", []string{"all", "defautl", "deflt", "x"}, []string{"defautl", "deflt", "all"},
		},
		"capitals do not matter":              {"default", []string{"Default", "defaults"}, []string{"Default", "defaults"}},
		"equally near ones are in order":      {"a", []string{"c", "b"}, []string{"b", "c"}},
		"fewer names than would be suggested": {"a", []string{"b"}, []string{"b"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, near(t, c.wanted, c.names)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func near(t *testing.T, wanted string, names []string) []string {
	t.Helper()
	out, err := Nearest(t.Context(), wanted, slices.Values(names))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The names are the appliance's, and may be many and long.
func TestNearestTakesLittleTime(t *testing.T) {
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("%0248d", i)
	}
	begun := time.Now()
	if got := near(t, strings.Repeat("x", 253), names); len(got) != maxNearest || len(got[0]) > maxCompared {
		t.Errorf("got %d names: %q", len(got), got)
	}
	if took := time.Since(begun); took > time.Second { // it took half a minute
		t.Errorf("it took %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Nearest(ctx, "x", slices.Values(names)); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on after its caller has gone: %v", err)
	}
}
