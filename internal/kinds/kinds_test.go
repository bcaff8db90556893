// SPDX-License-Identifier: Apache-2.0

package kinds_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// root is the folder of the repository.
const root = "../.."

// read decodes a YAML file of the repository.
func read[T any](t *testing.T, path ...string) T {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := yaml.Unmarshal(content, &out); err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
	return out
}

// kustomization returns the resources that a folder of config/ has.
func kustomization(t *testing.T, folder string) []string {
	t.Helper()
	return read[struct{ Resources []string }](t, "config", folder, "kustomization.yaml").Resources
}

// namesOf are what is compared: a function of each kind, sorted.
func namesOf(all []kinds.Kind, name func(kinds.Kind) string) []string {
	out := make([]string, 0, len(all))
	for _, kind := range all {
		out = append(out, name(kind))
	}
	slices.Sort(out)
	return out
}

func name(k kinds.Kind) string     { return k.Name }
func resource(k kinds.Kind) string { return k.Resource }

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSchemeHasTheKindsOfTheTable(t *testing.T) {
	t.Parallel()
	var registered []string
	for name, of := range scheme(t).KnownTypes(pamv1alpha1.GroupVersion) {
		if of.PkgPath() == "github.com/pam-operator/pam-operator/api/v1alpha1" && !strings.HasSuffix(name, "List") {
			registered = append(registered, name)
		}
	}
	slices.Sort(registered)
	if diff := cmp.Diff(namesOf(kinds.All(), name), registered); diff != "" {
		t.Errorf("api/v1alpha1/groupversion_info.go (-table +scheme):\n%s", diff)
	}
}

func TestARowIsAboutOneKind(t *testing.T) {
	t.Parallel()
	s := scheme(t)
	for _, kind := range kinds.All() {
		for want, object := range map[string]runtime.Object{kind.Name: kind.New(), kind.Name + "List": kind.NewList()} {
			if got, err := apiutil.GVKForObject(object, s); err != nil || got.Kind != want {
				t.Errorf("the row of %s makes a %s: %v", kind.Name, got.Kind, err)
			}
		}
		if found, ours := kinds.Named(kind.Name); !ours || found.Resource != kind.Resource {
			t.Errorf("%s is found by its name as %q", kind.Name, found.Name)
		}
		if _, is := kind.New().(kinds.PolicyObject); is != kind.IsPolicy() {
			t.Errorf("%s is a policy kind by its type: %t, by its row: %t", kind.Name, is, kind.IsPolicy())
		}
		if _, is := kind.New().(kinds.Connected); is != (kind.Connection != "") {
			t.Errorf("%s goes through a connection by its type: %t, by its row: %t", kind.Name, is, kind.Connection != "")
		}
	}
	if got := kinds.Of[*pamv1alpha1.LocalUser]().Name; got != kinds.LocalUser {
		t.Errorf("the kind of a LocalUser is %q", got)
	}
	if _, ours := kinds.Named(kinds.Secret); ours {
		t.Error("a Secret is ours")
	}
}

// A reference of another kind finds nothing, so that one index function serves all objects of a cache.
func TestReferencesNameOnlyWhatTheirOwnKindHas(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds.All() {
		for _, reference := range kind.References {
			var other client.Object = &pamv1alpha1.SPSConnection{}
			if got := reference.Names(other); got != nil {
				t.Errorf("%s to %s: an SPSConnection names %v", kind.Name, reference.To, got)
			}
			if _, ours := kinds.Named(reference.To); !ours && reference.To != kinds.Secret {
				t.Errorf("%s refers to %s, which is watched nowhere", kind.Name, reference.To)
			}
		}
	}
}

func TestEveryKindIsDefined(t *testing.T) {
	t.Parallel()
	shipped := kustomization(t, "crd")
	for _, kind := range kinds.All() {
		file := "bases/pam-operator.io_" + kind.Resource + ".yaml"
		if !slices.Contains(shipped, file) {
			t.Errorf("config/crd/kustomization.yaml lacks %s of %s", file, kind.Name)
		}
		crd := read[apiextensionsv1.CustomResourceDefinition](t, "config", "crd", file)
		if got := crd.Spec.Names; got.Kind != kind.Name || got.Plural != kind.Resource ||
			!slices.Equal(got.ShortNames, []string{kind.ShortName}) {
			t.Errorf("%s defines %s, %s, %v", file, got.Kind, got.Plural, got.ShortNames)
		}
	}
	if len(shipped) != len(kinds.All()) {
		t.Errorf("%d definitions are shipped, and the table has %d kinds", len(shipped), len(kinds.All()))
	}
}

// A kind that the policy does not name escapes it: its objects need no right to use their connection.
func TestEveryKindThatGoesThroughAConnectionNeedsUse(t *testing.T) {
	t.Parallel()
	policy := read[struct {
		Spec struct {
			MatchConstraints struct {
				ResourceRules []struct{ Resources []string }
			}
		}
	}](t, "config", "admission", "connection_use.yaml")
	var matched []string
	for _, rule := range policy.Spec.MatchConstraints.ResourceRules {
		matched = append(matched, rule.Resources...)
	}
	slices.Sort(matched)
	through := append(kinds.Through(kinds.SPSConnection), kinds.Through(kinds.NPSConnection)...)
	if diff := cmp.Diff(namesOf(through, resource), matched); diff != "" {
		t.Errorf("config/admission/connection_use.yaml (-table +policy):\n%s", diff)
	}
}

func TestEveryPolicyKindCanBeGrantedAndExported(t *testing.T) {
	t.Parallel()
	specOf := func(resource string) apiextensionsv1.JSONSchemaProps {
		crd := read[apiextensionsv1.CustomResourceDefinition](t,
			"config", "crd", "bases", "pam-operator.io_"+resource+".yaml")
		return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	}
	for field, list := range map[string]apiextensionsv1.JSONSchemaProps{
		"grants[].kinds of an SPSConnection": specOf("spsconnections").Properties["grants"].Items.Schema.Properties["kinds"],
		"kinds of an ApplianceExport":        specOf("applianceexports").Properties["kinds"],
	} {
		var named []string
		for _, value := range list.Items.Schema.Enum {
			named = append(named, strings.Trim(string(value.Raw), `"`))
		}
		slices.Sort(named)
		if diff := cmp.Diff(namesOf(kinds.Policies(), name), named); diff != "" {
			t.Errorf("%s: PolicyKind in api/v1alpha1 (-table +enum):\n%s", field, diff)
		}
		if *list.MaxItems != int64(len(kinds.Policies())) {
			t.Errorf("%s: at most %d can be listed, and there are %d", field, *list.MaxItems, len(kinds.Policies()))
		}
	}
}

func TestEveryKindHasRoles(t *testing.T) {
	t.Parallel()
	shipped := kustomization(t, "rbac")
	for _, kind := range kinds.All() {
		for role, verb := range map[string]string{"editor": "create", "viewer": "get"} {
			file := strings.ToLower(kind.Name) + "_" + role + "_role.yaml"
			if !slices.Contains(shipped, file) {
				t.Errorf("config/rbac/kustomization.yaml lacks %s", file)
				continue
			}
			if rules := read[rbacv1.ClusterRole](t, "config", "rbac", file).Rules; !allows(rules, kind.Resource, verb) {
				t.Errorf("config/rbac/%s does not allow to %s %s", file, verb, kind.Resource)
			}
		}
		manager := read[rbacv1.ClusterRole](t, "config", "rbac", "role.yaml").Rules
		if !allows(manager, kind.Resource, "watch") || !allows(manager, kind.Resource+"/status", "patch") {
			t.Errorf("config/rbac/role.yaml: the manager may not watch %s, or not write their status", kind.Resource)
		}
	}
}

func allows(rules []rbacv1.PolicyRule, resource, verb string) bool {
	return slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.APIGroups, pamv1alpha1.GroupVersion.Group) &&
			slices.Contains(r.Resources, resource) && slices.Contains(r.Verbs, verb)
	})
}

func TestEveryKindHasASampleAndAPage(t *testing.T) {
	t.Parallel()
	samples := kustomization(t, "samples")
	for _, kind := range kinds.All() {
		file := "_" + strings.ToLower(kind.Name) + ".yaml"
		if !slices.ContainsFunc(samples, func(s string) bool { return strings.HasSuffix(s, file) }) {
			t.Errorf("config/samples/kustomization.yaml lacks NN%s", file)
		}
		page := filepath.Join("docs", "kinds", strings.ToLower(kind.Name)+".md")
		if _, err := os.Stat(filepath.Join(root, page)); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
}
