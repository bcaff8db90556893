// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func bodyOf(t *testing.T, text string) Body {
	t.Helper()
	var body Body
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestWhatIsNotManaged(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		managed, actual string
		want            []string
	}{
		"nothing":                          {`{"a": 1}`, `{"a": 2}`, nil},
		"a member, and one within another": {`{"a": {"b": 1}}`, `{"a": {"b": 2, "c": 3}, "d": [4]}`, []string{"a.c", "d"}},
		"a whole object":                   {`{}`, `{"a": {"b": 2}}`, []string{"a"}},
		"null says nothing":                {`{}`, `{"a": null}`, nil},
		"what is managed as another type":  {`{"a": 1}`, `{"a": {"b": 2}}`, nil},
		"what is managed and missing":      {`{"a": {"b": 1}}`, `{}`, nil},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, Unmanaged(bodyOf(t, c.managed), bodyOf(t, c.actual))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestNumbersThatCameAsTexts(t *testing.T) {
	t.Parallel()
	by := Comparison{"network.ports": {Meaning: NumberMeaning}, "name": {Meaning: NameMeaning}}
	before := bodyOf(t, `{"name": "7", "network": {"ports": ["3389", 22, "x"]}, "other": {"ports": ["1"]}, "null": null}`)
	got := by.Numbers(before)
	want := bodyOf(t, `{"name": "7", "network": {"ports": [3389, 22, "x"]}, "other": {"ports": ["1"]}, "null": null}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if ports, _ := before["network"].(map[string]any)["ports"].([]any); ports[0] != "3389" {
		t.Error("the body itself was changed")
	}
}
