// SPDX-License-Identifier: Apache-2.0

package kinds_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// localTargets are the kinds that a LocalReference names, by its field.
var localTargets = map[string]string{
	"userRef": kinds.LocalUser, "authorizerRef": kinds.LocalUserGroup, "policyRef": kinds.RDPConnectionPolicy,
	"connectionRef": kinds.SPSConnection,
}

// named is a field of a spec that names another object: its path, and the kinds that it may name.
type named struct{ path, targets []string }

// references are all such fields below a type.
func references(of reflect.Type, connection string, path ...string) []named {
	at := func(targets ...string) []named { return []named{{slices.Clone(path), targets}} }
	switch of {
	case reflect.TypeFor[pamv1alpha1.SecretReference](), reflect.TypeFor[pamv1alpha1.SecretKeyReference]():
		return at("Secret")
	case reflect.TypeFor[pamv1alpha1.CABundleReference]():
		return at("Secret", "ConfigMap")
	case reflect.TypeFor[pamv1alpha1.ConnectionReference]():
		return at(connection)
	case reflect.TypeFor[pamv1alpha1.LocalReference]():
		return at(localTargets[path[len(path)-1]])
	case reflect.TypeFor[pamv1alpha1.Workload]():
		return at("Job", "Pod")
	}
	switch of.Kind() {
	case reflect.Pointer:
		return references(of.Elem(), connection, path...)
	case reflect.Slice:
		return references(of.Elem(), connection, append(path, "[]")...)
	case reflect.Struct:
		var out []named
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			below := path
			if name != "" {
				below = append(slices.Clone(path), name)
			}
			out = append(out, references(field.Type, connection, below...)...)
		}
		return out
	}
	return nil
}

// put sets a field of a manifest; a list has one element.
func put(in map[string]any, path []string, value any) {
	next := path[0]
	if len(path) == 1 {
		in[next] = value
		return
	}
	if path[1] == "[]" {
		list, _ := in[next].([]any)
		if list == nil {
			list = []any{map[string]any{}}
			in[next] = list
		}
		element, _ := list[0].(map[string]any)
		put(element, path[2:], value)
		return
	}
	if in[next] == nil {
		in[next] = map[string]any{}
	}
	below, _ := in[next].(map[string]any)
	put(below, path[1:], value)
}

// get is the field of a manifest.
func get(in any, path []string) any {
	for _, name := range path {
		switch at := in.(type) {
		case map[string]any:
			in = at[name]
		case []any:
			in = at[0] // name is []
		}
	}
	return in
}

const prefixed = `
namePrefix: prod-
configurations: [name_references.yaml]
resources: [all.yaml]
secretGenerator:
- {name: secret, namespace: team, literals: [a=b]}
configMapGenerator:
- {name: configmap, namespace: team, literals: [a=b]}
`

// manifest is an object that is named after its kind, and a number.
func manifest(version, kind string, number int) map[string]any {
	name := strings.ToLower(kind)
	if number > 0 {
		name += fmt.Sprint("-", number)
	}
	return map[string]any{
		"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name, "namespace": "team"},
	}
}

func TestKustomizeRenamesEveryReference(t *testing.T) { //nolint:cyclop // one scene
	t.Parallel()
	objects := []any{manifest("v1", "Pod", 0), manifest("batch/v1", "Job", 0)}
	want := map[string]map[string]string{} // by object and path
	for _, kind := range kinds.All() {
		spec, _ := reflect.TypeOf(kind.New()).Elem().FieldByName("Spec")
		for number := range 2 { // each has another target where there are two
			o := manifest(pamv1alpha1.GroupVersion.String(), kind.Name, number)
			key := fmt.Sprint("prod-", get(o, []string{"metadata", "name"}))
			want[key] = map[string]string{}
			for _, r := range references(spec.Type, kind.Connection, "spec") {
				target := r.targets[min(number, len(r.targets)-1)]
				at := append(r.path, "name")
				put(o, at, strings.ToLower(target))
				want[key][strings.Join(at, "/")] = "prod-" + strings.ToLower(target)
			}
			objects = append(objects, o)
		}
	}
	files := filesys.MakeFsInMemory()
	config, err := os.ReadFile(filepath.Join("..", "..", "config", "kustomize", "name_references.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, o := range objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("---\n" + string(text))
	}
	for name, text := range map[string]string{
		"kustomization.yaml": prefixed, "name_references.yaml": string(config), "all.yaml": all.String(),
	} {
		if err := files.WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, resource := range built.Resources() {
		content, err := resource.Map()
		if err != nil {
			t.Fatal(err)
		}
		o := unstructured.Unstructured{Object: content}
		for _, path := range slices.Sorted(maps.Keys(want[o.GetName()])) {
			checked++
			prefix := want[o.GetName()][path]
			hashed := prefix == "prod-secret" || prefix == "prod-configmap"
			got := fmt.Sprint(get(content, strings.Split(path, "/")))
			if got != prefix && (!hashed || !strings.HasPrefix(got, prefix+"-")) {
				t.Errorf("%s of %s is %s, not %s", path, o.GetName(), got, prefix)
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d references", checked)
	}
}
