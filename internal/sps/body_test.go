// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// sample is an answer of the vendor's guide.
func sample(tb testing.TB) sps.Object {
	tb.Helper()
	data, err := os.ReadFile("testdata/rdp_connection_6.0.4.json")
	if err != nil {
		tb.Fatal(err)
	}
	var answer struct {
		Key  string
		Body sps.Body
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		tb.Fatal(err)
	}
	return sps.Object(answer)
}

func TestTheSampleOfTheGuideBecomesWhatAPutMustContain(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/rdp_connection_6.0.4_put.json")
	if err != nil {
		t.Fatal(err)
	}
	want := body(t, string(data))
	read := sample(t)
	if read.Key != "12932832285a830b4d2f5d7" || read.Name() != "rdp_demo" {
		t.Errorf("read %q %q", read.Key, read.Name())
	}
	if diff := cmp.Diff(want, sps.Dereference(read.Body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestDereference(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"a reference": {in: `{"a":{"key":"k","meta":{"href":"/x"}}}`, want: `{"a":"k"}`},
		"a reference in a list": {
			in: `{"a":[{"key":"k","meta":{}},{"key":"l","meta":null}]}`, want: `{"a":["k","l"]}`,
		},
		"a reference in depth": {
			in: `{"a":{"b":[{"c":{"key":"k","meta":{}}}]}}`, want: `{"a":{"b":[{"c":"k"}]}}`,
		},
		"a key alone is an ordinary member": {in: `{"a":{"key":"k"}}`, want: `{"a":{"key":"k"}}`},
		"so is a key with more than meta": {
			in: `{"a":{"key":"k","meta":{},"x":1}}`, want: `{"a":{"key":"k","meta":{},"x":1}}`,
		},
		"so is a key that is not a string":   {in: `{"a":{"key":1,"meta":{}}}`, want: `{"a":{"key":1,"meta":{}}}`},
		"the body itself is not a reference": {in: `{"key":"k","meta":{}}`, want: `{"key":"k","meta":{}}`},
		"numbers stay to the letter": {
			in: `{"a":1.50,"b":12345678901234567890}`, want: `{"a":1.50,"b":12345678901234567890}`,
		},
		"null, empty list, empty object": {in: `{"a":null,"b":[],"c":{}}`, want: `{"a":null,"b":[],"c":{}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(body(t, tc.want), sps.Dereference(body(t, tc.in))); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
	if sps.Dereference(nil) != nil {
		t.Error("nothing became something")
	}
}

func TestToBody(t *testing.T) {
	t.Parallel()
	got, err := sps.ToBody(struct {
		A int             `json:"a"`
		B *string         `json:"b"`
		C sps.NullableKey `json:"c"`
	}{A: 3389, C: "k"})
	if err != nil {
		t.Fatal(err)
	}
	want := sps.Body{"a": json.Number("3389"), "b": nil, "c": "k"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	for _, bad := range []any{[]int{1}, "text", nil, make(chan int)} {
		if got, err := sps.ToBody(bad); err == nil {
			t.Errorf("%T became %v", bad, got)
		}
	}
}

// value draws a JSON value as the decoder makes it: with references, unions and few member names, so that two draws
// overlap.
func value(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(),
		rapid.SampledFrom([]string{"", "a", "b", "tls", "legacy"}).AsAny(),
		rapid.Map(rapid.SampledFrom([]string{"1", "1.0", "10e-1", "2", "-301"}),
			func(s string) any { return json.Number(s) }),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	inner := value(depth - 1)
	reference := rapid.Map(rapid.SampledFrom([]string{"k1", "k2"}), func(key string) any {
		return map[string]any{"key": key, "meta": map[string]any{"href": "/api/" + key}}
	})
	return rapid.OneOf(append(scalars, reference,
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(list []any) any { return list }),
		rapid.Map(members(inner), func(object map[string]any) any { return object }))...)
}

func members(inner *rapid.Generator[any]) *rapid.Generator[map[string]any] {
	name := rapid.SampledFrom([]string{"selection", "enabled", "value", "name", "key", "meta", "x"})
	return rapid.Map(rapid.MapOfN(name, inner, 0, 4), func(object map[string]any) map[string]any {
		// The key of an object is a text. If it were a reference, its object would look like one once it is dereferenced.
		if _, isText := object["key"].(string); !isText {
			delete(object, "key")
		}
		return object
	})
}

func bodies() *rapid.Generator[sps.Body] {
	return rapid.Map(members(value(3)), func(object map[string]any) sps.Body { return object })
}

func dereferenceProperties(t *rapid.T) {
	before := bodies().Draw(t, "body")
	text := encode(before)
	once := sps.Dereference(before)
	if diff := cmp.Diff(text, encode(before)); diff != "" {
		t.Fatalf("the argument was changed:\n%s", diff)
	}
	for name, member := range once {
		if holdsReference(member) {
			t.Fatalf("%s still holds a reference: %v", name, member)
		}
	}
	if diff := cmp.Diff(once, sps.Dereference(once)); diff != "" {
		t.Fatalf("a second time makes a difference:\n%s", diff)
	}
}

func holdsReference(value any) bool {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			if holdsReference(element) {
				return true
			}
		}
	case map[string]any:
		_, isKey := v["key"].(string)
		if _, hasMeta := v["meta"]; isKey && hasMeta && len(v) == 2 {
			return true
		}
		for _, member := range v {
			if holdsReference(member) {
				return true
			}
		}
	}
	return false
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func TestDereferenceProperties(t *testing.T) { rapid.Check(t, dereferenceProperties) }

func FuzzDereference(f *testing.F) { f.Fuzz(rapid.MakeFuzz(dereferenceProperties)) }
