// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestOverlay(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ current, managed, complete, want string }{
		"members that are not managed stay": {
			current: `{"name":"a","new_in_9":{"x":[1.0]},"active":true}`, managed: `{"active":false}`,
			want: `{"name":"a","new_in_9":{"x":[1.0]},"active":false}`,
		},
		"objects merge": {
			current: `{"network":{"clients":["a"],"ports":[1]}}`, managed: `{"network":{"ports":[2,3]}}`,
			want: `{"network":{"clients":["a"],"ports":[2,3]}}`,
		},
		"lists are replaced": {
			current: `{"l":[{"a":1},{"b":2}]}`, managed: `{"l":[{"c":3}]}`, want: `{"l":[{"c":3}]}`,
		},
		"null is a value": {
			current: `{"policies":{"aa_plugin":"k","ldap_server":"l"}}`, managed: `{"policies":{"aa_plugin":null}}`,
			want: `{"policies":{"aa_plugin":null,"ldap_server":"l"}}`,
		},
		"what current does not have is added": {
			current: `{}`, managed: `{"a":{"b":1}}`, complete: `{"a":{"b":1,"c":2}}`, want: `{"a":{"b":1,"c":2}}`,
		},
		"the same form merges": {
			current: `{"t":{"selection":"tls","legacy_fallback":true,"unknown":1}}`,
			managed: `{"t":{"selection":"tls","legacy_fallback":false}}`, complete: `{"t":{"selection":"tls"}}`,
			want: `{"t":{"selection":"tls","legacy_fallback":false,"unknown":1}}`,
		},
		"another selection is taken whole": {
			current: `{"t":{"selection":"legacy","old":1}}`, managed: `{"t":{"selection":"tls"}}`,
			complete: `{"t":{"selection":"tls","legacy_fallback":false,"certificate":{"selection":"self_signed"}}}`,
			want:     `{"t":{"selection":"tls","legacy_fallback":false,"certificate":{"selection":"self_signed"}}}`,
		},
		"switching off leaves the bare form": {
			current: `{"c":{"enabled":true,"days":550}}`, managed: `{"c":{"enabled":false}}`,
			complete: `{"c":{"enabled":false}}`, want: `{"c":{"enabled":false}}`,
		},
		"switching on brings the defaults, under what is managed": {
			current: `{"i":{"enabled":false}}`, managed: `{"i":{"enabled":true,"priority":0}}`,
			complete: `{"i":{"enabled":true,"policy":"-50000","priority":3}}`,
			want:     `{"i":{"enabled":true,"policy":"-50000","priority":0}}`,
		},
		"a complete body of the wrong form is of no use": {
			current: `{"i":{"enabled":false}}`, managed: `{"i":{"enabled":true,"priority":0}}`,
			complete: `{"i":{"enabled":false}}`, want: `{"i":{"enabled":true,"priority":0}}`,
		},
		"a union in a union": {
			current: `{"t":{"selection":"tls","legacy_fallback":true,"certificate":{"selection":"fix","x509_identity":"k"}}}`,
			managed: `{"t":{"selection":"tls","certificate":{"selection":"generate","signing_ca":"c"}}}`,
			want:    `{"t":{"selection":"tls","legacy_fallback":true,"certificate":{"selection":"generate","signing_ca":"c"}}}`,
		},
		"a value that is text in one form and an object in the other": {
			current:  `{"m":{"selection":"single","value":"k"}}`,
			managed:  `{"m":{"selection":"signing","value":{"signing_ca":"c"}}}`,
			complete: `{"m":{"selection":"signing","value":{"signing_ca":"x","common_name":null}}}`,
			want:     `{"m":{"selection":"signing","value":{"signing_ca":"c","common_name":null}}}`,
		},
		"a form that is not managed does not change": {
			current: `{"i":{"enabled":false}}`, managed: `{"i":{"priority":0}}`,
			complete: `{"i":{"enabled":true}}`, want: `{"i":{"enabled":false,"priority":0}}`,
		},
		"the body itself is not a union": {
			current: `{"enabled":true,"x":1}`, managed: `{"enabled":false}`, complete: `{"enabled":false}`,
			want: `{"enabled":false,"x":1}`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			complete := sps.Body(nil)
			if tc.complete != "" {
				complete = body(t, tc.complete)
			}
			got := sps.Overlay(body(t, tc.current), body(t, tc.managed), complete)
			if diff := cmp.Diff(body(t, tc.want), got); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func overlayProperties(t *rapid.T) {
	current := sps.Dereference(bodies().Draw(t, "current"))
	managed := sps.Dereference(bodies().Draw(t, "managed"))
	complete := sps.Dereference(bodies().Draw(t, "complete"))
	before := encode([]sps.Body{current, managed, complete})
	got := sps.Overlay(current, managed, complete)

	if diff := sps.Diff(managed, got, nil); len(diff) != 0 {
		t.Fatalf("what is managed is not there: %v", diff)
	}
	for name, value := range current {
		if _, isManaged := managed[name]; !isManaged {
			if diff := cmp.Diff(value, got[name]); diff != "" {
				t.Fatalf("%s is not managed and has changed:\n%s", name, diff)
			}
		}
	}
	for name := range got {
		_, had := current[name]
		if _, want := managed[name]; !had && !want {
			t.Fatalf("%s came from nowhere", name)
		}
	}
	if diff := cmp.Diff(got, sps.Overlay(got, managed, complete)); diff != "" {
		t.Fatalf("a second time makes a difference:\n%s", diff)
	}
	scribble(got)
	if after := encode([]sps.Body{current, managed, complete}); after != before {
		t.Fatalf("the result shares with the arguments:\n%s", cmp.Diff(before, after))
	}
}

// scribble changes every object and list within the value.
func scribble(value any) {
	switch v := value.(type) {
	case sps.Body:
		scribble(map[string]any(v))
	case map[string]any:
		for _, member := range v {
			scribble(member)
		}
		v["scribble"] = true
	case []any:
		for i := range v {
			scribble(v[i])
			v[i] = "scribble"
		}
	}
}

func TestOverlayProperties(t *testing.T) { rapid.Check(t, overlayProperties) }

func FuzzOverlay(f *testing.F) { f.Fuzz(rapid.MakeFuzz(overlayProperties)) }

func TestComplement(t *testing.T) {
	t.Parallel()
	off := func(any) any { return "off" }
	tests := map[string]struct{ body, other, want string }{
		"what only the other has": {`{"a":1}`, `{"a":2,"b":3}`, `{"a":1,"b":"off"}`},
		"within an object":        {`{"a":{"b":1}}`, `{"a":{"b":2,"c":3}}`, `{"a":{"b":1,"c":"off"}}`},
		"within an object of the same form": {
			`{"a":{"enabled":true}}`, `{"a":{"enabled":true,"c":3}}`, `{"a":{"enabled":true,"c":"off"}}`,
		},
		"not within one of another form": {
			`{"a":{"enabled":false}}`, `{"a":{"enabled":true,"c":3}}`, `{"a":{"enabled":false}}`,
		},
		"nor within a list":                      {`{"a":[{"b":1}]}`, `{"a":[{"b":1,"c":2}]}`, `{"a":[{"b":1}]}`},
		"nor where the other has something else": {`{"a":{"b":1}}`, `{"a":[1]}`, `{"a":{"b":1}}`},
		"null is there":                          {`{"a":null}`, `{"a":1}`, `{"a":null}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine, theirs := body(t, tc.body), body(t, tc.other)
			if diff := cmp.Diff(body(t, tc.want), sps.Complement(mine, theirs, off)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(body(t, tc.body), mine); diff != "" {
				t.Errorf("the body was changed:\n%s", diff)
			}
		})
	}
}
