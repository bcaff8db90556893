// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Health is what Argo CD shows for an object: one of the statuses below, and why.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// The statuses that Argo CD has for the health of an object. During a sync, Degraded and Unknown fail the operation,
// and Progressing and Suspended keep it running.
const (
	Healthy     = "Healthy"
	Progressing = "Progressing"
	Degraded    = "Degraded"
	Suspended   = "Suspended"
	Unknown     = "Unknown"
)

// Action is an entry of an object's menu.
type Action struct {
	Name        string `json:"name"`
	Disabled    bool   `json:"disabled,omitempty"`
	IconClass   string `json:"iconClass,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
}

// ArgoCD judges objects by the customizations of an argocd-cm.
type ArgoCD struct {
	data map[string]string
}

// LoadArgoCD reads the customizations from the file of a ConfigMap.
func LoadArgoCD(path string) (ArgoCD, error) {
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	content, err := os.ReadFile(path) //nolint:gosec // G304: tests name the file
	if err != nil {
		return ArgoCD{}, err
	}
	err = yaml.Unmarshal(content, &configMap)
	return ArgoCD{configMap.Data}, err
}

// Health judges an object. An object without a health check counts as Healthy.
func (a ArgoCD) Health(ctx context.Context, o *unstructured.Unstructured) (Health, error) {
	if o.GetDeletionTimestamp() != nil { // Argo CD asks no script then
		return Health{Progressing, "Pending deletion"}, nil
	}
	script, found := a.data[key("health", o)]
	if !found {
		return Health{Status: Healthy}, nil
	}
	var health Health
	if err := call(ctx, script, o, &health); err != nil {
		return Health{}, err
	}
	if !slices.Contains([]string{Healthy, Progressing, Degraded, Suspended}, health.Status) {
		return Health{Unknown, "Lua returned an invalid health status"}, nil
	}
	return health, nil
}

// actions are the customizations of one kind.
type actions struct {
	MergeBuiltinActions bool   `json:"mergeBuiltinActions"`
	Discovery           string `json:"discovery.lua"`
	Definitions         []struct {
		Name   string `json:"name"`
		Action string `json:"action.lua"`
	} `json:"definitions"`
}

func (a ArgoCD) actionsOf(o *unstructured.Unstructured) (actions, error) {
	var all actions
	err := yaml.UnmarshalStrict([]byte(a.data[key("actions", o)]), &all)
	return all, err
}

// Actions is the menu of an object, by name.
func (a ArgoCD) Actions(ctx context.Context, o *unstructured.Unstructured) ([]Action, error) {
	all, err := a.actionsOf(o)
	if err != nil {
		return nil, err
	}
	found := map[string]Action{}
	if err := call(ctx, all.Discovery, o, &found); err != nil {
		return nil, err
	}
	var menu []Action
	for _, name := range slices.Sorted(maps.Keys(found)) {
		action := found[name]
		action.Name = name
		menu = append(menu, action)
	}
	return menu, nil
}

// Act returns what an action makes of an object, which Argo CD then patches.
func (a ArgoCD) Act(
	ctx context.Context, o *unstructured.Unstructured, name string,
) (*unstructured.Unstructured, error) {
	all, err := a.actionsOf(o)
	if err != nil {
		return nil, err
	}
	for _, definition := range all.Definitions {
		if definition.Name != name {
			continue
		}
		changed, err := runLua(ctx, definition.Action, o.DeepCopy().Object)
		if err != nil {
			return nil, err
		}
		content, isObject := changed.(map[string]any)
		if !isObject {
			return nil, fmt.Errorf("action %s of %s returned %v", name, o.GetKind(), changed)
		}
		return &unstructured.Unstructured{Object: withoutEmptyLists(content, o.Object)}, nil
	}
	return nil, fmt.Errorf("%s has no action %q", o.GetKind(), name)
}

// call runs a script and decodes what it returns.
func call(ctx context.Context, script string, o *unstructured.Unstructured, into any) error {
	value, err := runLua(ctx, script, o.Object)
	if err != nil {
		return err
	}
	return convert(value, into)
}

// withoutEmptyLists turns the empty lists into which Lua has made empty objects back, as Argo CD does.
func withoutEmptyLists(changed, original map[string]any) map[string]any {
	for key, value := range changed {
		before, wasObject := original[key].(map[string]any)
		if !wasObject {
			continue
		}
		switch now := value.(type) {
		case map[string]any:
			changed[key] = withoutEmptyLists(now, before)
		case []any:
			if len(now) == 0 {
				changed[key] = map[string]any{}
			}
		}
	}
	return changed
}

// key is where argocd-cm has a customization of an object's kind.
func key(what string, o *unstructured.Unstructured) string {
	kind := o.GroupVersionKind().GroupKind()
	return "resource.customizations." + what + "." + kind.Group + "_" + kind.Kind
}

// WithHealth is an Argo CD that knows one script, for the kind of an object.
func WithHealth(o *unstructured.Unstructured, script string) ArgoCD {
	return ArgoCD{map[string]string{key("health", o): script}}
}
