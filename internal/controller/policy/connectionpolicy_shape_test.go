// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// shownRef is a reference as an appliance shows it.
func shownRef(collection, key string) map[string]any {
	return map[string]any{"key": key, "meta": map[string]any{"href": "/api/configuration/" + collection + "/" + key}}
}

func TestCandidates(t *testing.T) {
	off, on := map[string]any{"enabled": false}, map[string]any{"enabled": true, "level": "9"}
	inband := map[string]any{
		"selection": "inband", "domains": []any{"theirs"}, "exception_domains": []any{"theirs"}, "dns_server": "theirs",
		"dns_suffixes": []any{"theirs"},
	}
	ours := map[string]any{"selection": "inband", "domains": []any{"ours"}}
	plain := sps.Body{"name": "ours"}
	cases := map[string]struct {
		template, managed, complete sps.Body
		want                        [shapes]sps.Body
	}{
		"a switch that is not known": {
			template: sps.Body{"name": "theirs", "future": on}, managed: plain, complete: plain,
			want: [shapes]sps.Body{plain, {"name": "ours", "future": off}, {"name": "ours", "future": on}, plain},
		},
		"a union that is not known has no off form": {
			template: sps.Body{"name": "theirs", "future": map[string]any{"selection": "none"}}, managed: plain, complete: plain,
			want: [shapes]sps.Body{
				plain, {"name": "ours", "future": map[string]any{"selection": "none"}},
				{"name": "ours", "future": map[string]any{"selection": "none"}}, plain,
			},
		},
		"a reference that is not known": {
			template: sps.Body{"name": "theirs", "future": shownRef("policies/time_policies", "k")},
			managed:  plain, complete: plain,
			want: [shapes]sps.Body{plain, {"name": "ours", "future": nil}, {"name": "ours", "future": "k"}, plain},
		},
		"a reference to what can be used once": {
			template: sps.Body{"name": "theirs", "future": map[string]any{
				"keys": []any{shownRef("private_keys", "k")}, "ca": shownRef("policies/signing_cas", "k"),
			}},
			managed: plain, complete: plain,
			want: [shapes]sps.Body{
				plain, {"name": "ours", "future": map[string]any{"keys": []any{nil}, "ca": "k"}},
				{"name": "ours", "future": map[string]any{"keys": []any{nil}, "ca": "k"}}, plain,
			},
		},
		"within an object of the same form": {
			template: sps.Body{"name": "theirs", "policies": map[string]any{
				"audit_policy": shownRef("policies/audit_policies", "t"), "future_policy": shownRef("policies/future", "t"),
			}},
			managed: plain, complete: sps.Body{"name": "ours", "policies": map[string]any{"audit_policy": "o"}},
			want: [shapes]sps.Body{
				{"name": "ours", "policies": map[string]any{"audit_policy": "o"}},
				{"name": "ours", "policies": map[string]any{"audit_policy": "o", "future_policy": nil}},
				{"name": "ours", "policies": map[string]any{"audit_policy": "o", "future_policy": "t"}},
				{"name": "ours", "policies": map[string]any{"audit_policy": "o"}},
			},
		},
		"never within one of another form": {
			template: sps.Body{"name": "theirs", "limit": on}, managed: plain, complete: sps.Body{"name": "ours", "limit": off},
			want: allShapes(sps.Body{"name": "ours", "limit": off}),
		},
		"a default that the version no longer has stays away at first": {
			template: sps.Body{"name": "theirs"}, managed: plain, complete: sps.Body{"name": "ours", "former": off},
			want: [shapes]sps.Body{plain, plain, plain, {"name": "ours", "former": off}},
		},
		"what the spec manages is sent even if the template does not have it": {
			template: sps.Body{"name": "theirs"}, managed: sps.Body{"name": "ours", "former": on},
			complete: sps.Body{"name": "ours", "former": on}, want: allShapes(sps.Body{"name": "ours", "former": on}),
		},
		"a known member never comes from the template": {
			template: sps.Body{"name": "theirs", "active": false}, managed: plain,
			complete: sps.Body{"name": "ours", "active": true}, want: allShapes(sps.Body{"name": "ours", "active": true}),
		},
		"nor do the optional parts of an inband address": {
			template: sps.Body{"name": "theirs", "server_address": inband},
			managed:  sps.Body{"name": "ours", "server_address": ours},
			complete: sps.Body{"name": "ours", "server_address": ours},
			want:     allShapes(sps.Body{"name": "ours", "server_address": ours}),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, candidates(c.template, c.managed, c.complete)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if inband["dns_server"] != "theirs" {
		t.Error("the template was changed")
	}
}

func allShapes(body sps.Body) (out [shapes]sps.Body) {
	for i := range out {
		out[i] = body
	}
	return out
}
