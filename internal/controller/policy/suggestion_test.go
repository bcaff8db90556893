// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

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
			name, hint := suggestion(c.wanted, c.near)
			if name != c.name || hint != c.hint {
				t.Errorf("got %s%s, want %s%s", name, hint, c.name, c.hint)
			}
		})
	}
}
