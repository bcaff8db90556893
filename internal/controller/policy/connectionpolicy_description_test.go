// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// nowhere is an appliance that has no collection but one, so that every reference stays a key.
type nowhere struct {
	collection sps.Collection
	listing    *appliance.Listing
}

func (n nowhere) List(_ context.Context, collection sps.Collection) (*appliance.Listing, error) {
	if collection == n.collection {
		return n.listing, nil
	}
	return appliance.NewListing(nil), nil
}

// described describes a body as a policy with a name of its own.
func described(body sps.Body, faults ...Fault) (*pamv1alpha1.RDPConnectionPolicy, []Missing, error) {
	record, err := sps.NewRecord("key", body)
	if err != nil {
		return nil, nil, err
	}
	d := &Describer{
		View: nowhere{sps.RDPConnections, appliance.NewListing([]sps.Record{record})},
		Check: func(context.Context, kinds.PolicyObject) ([]Fault, error) {
			now := faults
			faults = nil
			return now, nil
		},
	}
	obj, missing, err := d.Describe(context.Background(), kinds.Of[*pamv1alpha1.RDPConnectionPolicy](), record, "policy")
	policy, _ := obj.(*pamv1alpha1.RDPConnectionPolicy)
	return policy, missing, err
}

// TestADescribedPolicyIsWhatIsThere goes from any spec to the appliance, back, and to the appliance again.
func TestADescribedPolicyIsWhatIsThere(t *testing.T) { rapid.Check(t, descriptionProperties) }

func FuzzDescription(f *testing.F) { f.Fuzz(rapid.MakeFuzz(descriptionProperties)) }

func descriptionProperties(t *rapid.T) {
	spec := drawSpec(t, "there")
	authorize(spec)
	managed, there := mustWire(t, spec)
	policy, missing, err := described(there)
	if err != nil || len(missing) > 0 {
		t.Fatalf("it lacks %v (%v): %s", missing, err, encode(t, there))
	}
	again := mustKeysOf(t, policy)
	if drift := sps.Diff(again, there, rdpMapping.comparison); len(drift) > 0 {
		t.Fatalf("what is described differs from what is there: %v", drift)
	}
	if drift := sps.Diff(managed, again, rdpMapping.comparison); len(drift) > 0 {
		t.Fatalf("what was managed is described otherwise: %v", drift)
	}
	if left := sps.Unmanaged(again, there); len(left) > 0 {
		t.Fatalf("%v is there and is not managed", left)
	}
	twice, _, err := described(sps.Overlay(there, again, nil))
	if diff := cmp.Diff(policy, twice); err != nil || diff != "" {
		t.Fatalf("it is described otherwise the second time (%v):\n%s", err, diff)
	}
}

// authorize gives rules whose group is an object the name of that group, as the appliance shows it.
func authorize(spec *pamv1alpha1.RDPConnectionPolicySpec) {
	for i := range spec.AccessControl {
		if spec.AccessControl[i].AuthorizerRef != nil {
			spec.AccessControl[i].AuthorizerRef, spec.AccessControl[i].Authorizer = nil, "rdp-auditors"
		}
	}
}

// mustKeysOf maps a policy whose references are keys.
func mustKeysOf(t interface{ Fatal(args ...any) }, policy *pamv1alpha1.RDPConnectionPolicy) sps.Body {
	keys, err := resolve(context.Background(), nowhere{}, rdpMapping.references(policy, false))
	if err != nil {
		t.Fatal(err)
	}
	var authorizers []string
	for _, rule := range policy.Spec.AccessControl {
		authorizers = append(authorizers, rule.Authorizer)
	}
	managed, err := rdpMapping.managed(policy, keys, authorizers)
	if err != nil {
		t.Fatal(err)
	}
	return managed
}

// What is on an appliance may be anything. Whatever is described is in sync with it, and whatever is not is listed.
func TestWhateverIsThereIsDescribedOrListed(t *testing.T) { rapid.Check(t, oddDescriptionProperties) }

func FuzzOddDescription(f *testing.F) { f.Fuzz(rapid.MakeFuzz(oddDescriptionProperties)) }

func oddDescriptionProperties(t *rapid.T) {
	_, there := mustWire(t, drawSpec(t, "there"))
	there["name"] = "policy"
	for range rapid.IntRange(1, 5).Draw(t, "changes") {
		damage(t, there)
	}
	policy, missing, err := described(there)
	if err != nil {
		t.Fatal(err)
	}
	if policy == nil {
		if len(missing) != 1 || missing[0].Field != "" || missing[0].Reason == "" {
			t.Fatalf("it is not described, and it is not said why: %v", missing)
		}
		return
	}
	managed := mustKeysOf(t, policy)
	if drift := sps.Diff(managed, sps.Dereference(there), rdpMapping.comparison); len(drift) > 0 {
		t.Fatalf("what is described differs from what is there: %v", drift)
	}
	for _, path := range sps.Unmanaged(managed, there) {
		if !isListed(missing, path) {
			t.Fatalf("%s is not described, and not listed: %v", path, missing)
		}
	}
}

// damage changes something within a body: a member that nobody knows, another type, null, nothing.
func damage(t *rapid.T, body map[string]any) {
	at := body
	for {
		names := slices.Sorted(maps.Keys(at))
		name := rapid.SampledFrom(append(names, "Future", "log_level")).Draw(t, "member")
		if inner, ok := at[name].(map[string]any); ok && rapid.Bool().Draw(t, "within") {
			at = inner
			continue
		}
		if name == "name" {
			return
		}
		switch value := rapid.SampledFrom([]any{
			nil, true, "text", "7", 7.5, -1.0, 1e12, []any{}, []any{"x"}, []any{map[string]any{"a": "b"}},
			map[string]any{}, map[string]any{"selection": "future", "enabled": true}, "gone",
		}).Draw(t, "value"); value {
		case "gone":
			delete(at, name)
		default:
			at[name] = value
		}
		return
	}
}

func isListed(missing []Missing, path string) bool {
	return slices.ContainsFunc(missing, func(m Missing) bool {
		field, _ := droppable("spec." + m.Field)
		at := rdpMapping.specPath(path)
		return m.Field == path || at == field || strings.HasPrefix(at, field+".") || strings.HasPrefix(field, at+".")
	})
}

func TestWhatTheAPIDoesNotAcceptIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, field string
		lacks       func(*pamv1alpha1.RDPConnectionPolicySpec) bool
	}{
		"an optional field": {
			"spec.network.clients[1]", "network.clients[1]",
			func(s *pamv1alpha1.RDPConnectionPolicySpec) bool {
				return s.Network.Clients == nil && s.Network.Ports != nil
			},
		},
		"a field of a union, and with it the union": {
			"spec.serverAddress.fixed.address", "serverAddress.fixed.address",
			func(s *pamv1alpha1.RDPConnectionPolicySpec) bool { return s.ServerAddress == nil },
		},
		"a rule about a whole field": {
			"spec.accessControl", "accessControl",
			func(s *pamv1alpha1.RDPConnectionPolicySpec) bool { return s.AccessControl == nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, there := wire(t, `{serverAddress: {type: Fixed, fixed: {address: 10.30.255.70}}}`)
			policy, missing, err := described(there, Fault{Path: c.path, Reason: "because"})
			if err != nil || policy == nil || !c.lacks(&policy.Spec) {
				t.Fatalf("%v, %v: %+v", err, missing, policy)
			}
			if diff := cmp.Diff([]Missing{{Field: c.field, Reason: "because"}}, missing); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	_, there := wire(t, `{network: {clients: [10.0.0.1, 10.0.0.2]}}`)
	policy, missing, err := described(there, Fault{Path: "spec.network.clients[0]", Reason: "because"},
		Fault{Path: "spec.network.clients[1]", Reason: "because"}, Fault{Path: "spec.network.ports", Reason: "because"})
	if err != nil || policy == nil || len(missing) != 3 || policy.Spec.Network.Targets == nil {
		t.Errorf("two faults in one field: %v, %v", missing, err)
	}
	for _, path := range []string{"spec.policyName", "spec", "metadata.name", "spec.connectionRef.name"} {
		_, there := wire(t, `{}`)
		policy, missing, err := described(there, Fault{Path: path, Reason: "because"})
		if err != nil || policy != nil {
			t.Fatalf("%s: %v, %v", path, policy, err)
		}
		if diff := cmp.Diff([]Missing{{Reason: path + ": because"}}, missing); diff != "" {
			t.Errorf("%s: -want +got\n%s", path, diff)
		}
	}
}

func TestWhatIsNeverDescribed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind string
		name any
		more []string // the names of the others
		want string
	}{
		"an object without a name":        {kind: kinds.RDPConnectionPolicy, name: "", want: "no name"},
		"an object whose name is no text": {kind: kinds.RDPConnectionPolicy, name: 7, want: "no name"},
		"a name that two objects have": {
			kind: kinds.RDPConnectionPolicy, name: "a", more: []string{"a"}, want: "more than once",
		},
		"a name in two Unicode forms": {
			kind: kinds.LocalUser, name: "\u00e9", more: []string{"e\u0301"}, want: "more than once",
		},
		"the built-in user, in any case":    {kind: kinds.LocalUser, name: "Admin", want: "belongs to its owner"},
		"a built-in group":                  {kind: kinds.LocalUserGroup, name: "rdp-write", want: "belongs to its owner"},
		"the account of a connection":       {kind: kinds.LocalUser, name: "Operator", want: "logs in"},
		"but no policy of the same name":    {kind: kinds.RDPConnectionPolicy, name: "admin"},
		"and no group called like a person": {kind: kinds.LocalUserGroup, name: "operator"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, _ := kinds.Named(c.kind)
			var records []sps.Record
			for i, name := range append([]any{c.name}, anyOf(c.more)...) {
				record, err := sps.NewRecord(fmt.Sprint("key-", i), sps.Body{"name": name})
				if err != nil {
					t.Fatal(err)
				}
				records = append(records, record)
			}
			d := &Describer{
				View: nowhere{kind.Collection, appliance.NewListing(records)}, Accounts: []string{"operator"},
				Check:   func(context.Context, kinds.PolicyObject) ([]Fault, error) { return nil, nil },
				UserRef: func(string) string { return "" },
			}
			obj, missing, err := d.Describe(t.Context(), kind, records[0], "a")
			switch {
			case err != nil:
				t.Fatal(err)
			case c.want == "" && obj == nil:
				t.Errorf("it is not described: %v", missing)
			case c.want != "" && (obj != nil || len(missing) != 1 || !strings.Contains(missing[0].Reason, c.want)):
				t.Errorf("%v, %v", obj, missing)
			}
		})
	}
}

func anyOf(texts []string) []any {
	var out []any
	for _, text := range texts {
		out = append(out, text)
	}
	return out
}

func TestEveryPolicyKindIsDescribed(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds.Policies() {
		if describers[kind.Name] == nil {
			t.Errorf("%s is not", kind.Name)
		}
		_, refersToOthers := readers[kind.Name]
		if _, is := kind.New().(kinds.ConnectionPolicy); is != refersToOthers {
			t.Errorf("what objects of %s refer to is read: %t", kind.Name, refersToOthers)
		}
	}
}

func TestADescribedObjectOutlivesAMistake(t *testing.T) {
	t.Parallel()
	_, there := wire(t, `{}`)
	there["name"] = "RDP demo"
	policy, _, err := described(there)
	if err != nil {
		t.Fatal(err)
	}
	want := builder.RDPConnectionPolicy("policy", builder.InNamespace(""),
		builder.Adopt(pamv1alpha1.AdoptionPolicyIfIdentical), builder.OnDeletion(pamv1alpha1.DeletionPolicyOrphan))
	if diff := cmp.Diff(want.Spec.ManagementPolicies, policy.Spec.ManagementPolicies); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if policy.Name != "policy" || policy.Spec.PolicyName != "RDP demo" || policy.Kind != kinds.RDPConnectionPolicy {
		t.Errorf("it is %s %s, on the appliance %q", policy.Kind, policy.Name, policy.Spec.PolicyName)
	}
}
