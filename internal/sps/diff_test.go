// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		managed, actual string
		unordered       []string
		want            []sps.Difference
	}{
		"nothing is managed":                {managed: `{}`, actual: `{"a":1}`},
		"more on the appliance is no drift": {managed: `{"a":{"b":1}}`, actual: `{"a":{"b":1,"c":2},"d":3}`},
		"the paths are dotted and in order": {
			managed: `{"z":1,"network":{"ports":[3389],"clients":["a"]}}`,
			actual:  `{"z":2,"network":{"ports":[3390],"clients":["b"]}}`,
			want: []sps.Difference{
				{Path: "network.clients", Desired: `["a"]`, Actual: `["b"]`},
				{Path: "network.ports", Desired: `[3389]`, Actual: `[3390]`},
				{Path: "z", Desired: "1", Actual: "2"},
			},
		},
		"a member that is not there": {
			managed: `{"a":{"b":1}}`, actual: `{}`, want: []sps.Difference{{Path: "a", Desired: `{"b":1}`}},
		},
		"a member that is null": {
			managed: `{"a":"k"}`, actual: `{"a":null}`, want: []sps.Difference{{Path: "a", Desired: `"k"`, Actual: "null"}},
		},
		"null and not there are the same": {managed: `{"a":null}`, actual: `{}`},
		"null is not the empty text": {
			managed: `{"a":null}`, actual: `{"a":""}`, want: []sps.Difference{{Path: "a", Desired: "null", Actual: `""`}},
		},
		"numbers compare by value": {managed: `{"a":3389,"b":0.5,"c":100}`, actual: `{"a":3389.0,"b":5e-1,"c":1E2}`},
		"big numbers too": {
			managed: `{"a":12345678901234567890123,"b":1e999999999}`, actual: `{"a":12345678901234567890124,"b":1e999999999}`,
			want: []sps.Difference{{Path: "a", Desired: "12345678901234567890123", Actual: "12345678901234567890124"}},
		},
		"a number is no text": {
			managed: `{"a":1}`, actual: `{"a":"1"}`, want: []sps.Difference{{Path: "a", Desired: "1", Actual: `"1"`}},
		},
		"lists compare in order": {
			managed: `{"l":[1,2]}`, actual: `{"l":[2,1]}`,
			want: []sps.Difference{{Path: "l", Desired: "[1,2]", Actual: "[2,1]"}},
		},
		"unless their path says otherwise": {
			managed: `{"n":{"l":[1,2,"a",null]}}`, actual: `{"n":{"l":["a",2.0,null,1]}}`, unordered: []string{"n.l"},
		},
		"and repetition does not count": {
			managed: `{"l":["a","a","b"]}`, actual: `{"l":["a","b","b"]}`, unordered: []string{"l"},
		},
		"but all of it has to be there": {
			managed: `{"l":["a","b"]}`, actual: `{"l":["a","a"]}`, unordered: []string{"l"},
			want: []sps.Difference{{Path: "l", Desired: `["a","b"]`, Actual: `["a","a"]`}},
		},
		"and nothing else": {
			managed: `{"l":["a"]}`, actual: `{"l":["a","b"]}`, unordered: []string{"l"},
			want: []sps.Difference{{Path: "l", Desired: `["a"]`, Actual: `["a","b"]`}},
		},
		"objects in a list keep their order": {
			managed: `{"l":[{"a":1},{"b":2}]}`, actual: `{"l":[{"b":2},{"a":1}]}`, unordered: []string{"l"},
			want: []sps.Difference{{Path: "l", Desired: `[{"a":1},{"b":2}]`, Actual: `[{"b":2},{"a":1}]`}},
		},
		"and compare with all their members": {
			managed: `{"l":[{"a":1}]}`, actual: `{"l":[{"a":1.0,"x":null}]}`,
		},
		"a member more in a list is a difference": {
			managed: `{"l":[{"a":1}]}`, actual: `{"l":[{"a":1,"b":2}]}`,
			want: []sps.Difference{{Path: "l", Desired: `[{"a":1}]`, Actual: `[{"a":1,"b":2}]`}},
		},
		"an empty list is not null": {
			managed: `{"l":[]}`, actual: `{"l":null}`, want: []sps.Difference{{Path: "l", Desired: "[]", Actual: "null"}},
		},
		"an object where a text was": {
			managed: `{"v":{"a":1}}`, actual: `{"v":"k"}`,
			want: []sps.Difference{{Path: "v", Desired: `{"a":1}`, Actual: `"k"`}},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := sps.Comparison{}
			for _, path := range tc.unordered {
				by[path] = sps.Member{Unordered: true}
			}
			got := sps.Diff(body(t, tc.managed), body(t, tc.actual), by)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffTakesBodiesThatWereMadeByHand(t *testing.T) {
	t.Parallel()
	byHand := sps.Body{"n": sps.Body{"port": 3389, "ratio": 0.5, "big": int64(1) << 60, "ok": true}}
	decoded := body(t, `{"n":{"port":3389,"ratio":0.5,"big":1152921504606846976,"ok":true}}`)
	if got := sps.Diff(byHand, decoded, nil); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := sps.Diff(decoded, byHand, nil); len(got) != 0 {
		t.Errorf("the other way round: %v", got)
	}
}

func diffProperties(t *rapid.T) {
	a := sps.Dereference(bodies().Draw(t, "a"))
	b := sps.Dereference(bodies().Draw(t, "b"))
	anyOrder := sps.Comparison{}
	for _, path := range paths("", a) {
		anyOrder[path] = sps.Member{Unordered: true}
	}
	if got := sps.Diff(a, a, anyOrder); len(got) != 0 {
		t.Fatalf("a body differs from itself: %v", got)
	}
	ordered := sps.Diff(a, b, nil)
	if again := sps.Diff(a, b, nil); !cmp.Equal(ordered, again) {
		t.Fatalf("the order changes: %v, %v", ordered, again)
	}
	loose := sps.Diff(a, b, anyOrder)
	extra := cmp.Diff(loose, slices.DeleteFunc(slices.Clone(ordered), func(d sps.Difference) bool {
		return !slices.Contains(loose, d)
	}), cmpopts.EquateEmpty())
	if extra != "" {
		t.Fatalf("without order there are differences that there are not with it: %s", extra)
	}
	// No differences in either direction: the same body.
	if len(ordered) == 0 && len(sps.Diff(b, a, nil)) == 0 {
		x, y := sps.Body{"l": []any{map[string]any(a)}}, sps.Body{"l": []any{map[string]any(b)}}
		if got := sps.Diff(x, y, nil); len(got) != 0 {
			t.Fatalf("equal member by member, and not as a whole: %v", got)
		}
	}
}

// paths returns the paths of all members of a body and of the objects in it.
func paths(prefix string, members map[string]any) []string {
	var out []string
	for name, value := range members {
		out = append(out, prefix+name)
		if object, ok := value.(map[string]any); ok {
			out = append(out, paths(prefix+name+".", object)...)
		}
	}
	return out
}

func TestDiffProperties(t *testing.T) { rapid.Check(t, diffProperties) }

func FuzzDiff(f *testing.F) { f.Fuzz(rapid.MakeFuzz(diffProperties)) }
