// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// Counts say how many objects of each kind there are, such as "412 RDPConnectionPolicies, 37 LocalUsers".
func Counts(counts []pamv1alpha1.ObjectCount) string {
	parts := make([]string, 0, len(counts))
	for _, each := range counts {
		parts = append(parts, count(each.Count, each.Kind))
	}
	return strings.Join(parts, ", ")
}

// count is such as "1 LocalUser" or "37 LocalUsers".
func count(n *int32, of pamv1alpha1.PolicyKind) string {
	return printer.PluralKind(int(ptr.Deref(n, 0)), string(of))
}

// Lacks are lines about what the result lacks.
func (r *Result) Lacks() []string {
	var lines []string
	for _, each := range r.Export.Status.NotExported {
		what := count(each.Count, each.Kind)
		if each.Field != "" {
			what = each.Field + " of " + what
		}
		shown := make([]string, 0, len(each.Names))
		for _, name := range slices.Compact(slices.Clone(each.Names)) {
			shown = append(shown, printer.Visible(name))
		}
		names := strings.Join(shown, ", ")
		if more := int(ptr.Deref(each.Count, 0)) - len(each.Names); more > 0 && names != "" {
			names += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", what, each.Reason, names))
	}
	if more := ptr.Deref(r.Export.Status.NotListed, 0); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more entries, which the operator does not list", more))
	}
	return lines
}

// Item is an exported object.
type Item struct {
	Kind string `json:"kind"`
	// NameOnAppliance is the name there, Name the one that the object would get.
	NameOnAppliance string `json:"nameOnAppliance"`
	Name            string `json:"name"`
}

// Document is what `kubectl pam unmanaged -o json` prints.
type Document struct {
	printer.Document `json:",inline"`
	Items            []Item `json:"items"`
}

// Items are the exported objects.
func (r *Result) Items() ([]Item, error) {
	items := []Item{}
	for _, name := range r.Names() {
		var manifest struct {
			Kind     string
			Metadata struct{ Name string }
			Spec     struct{ PolicyName, UserName, GroupName string }
		}
		if err := yaml.Unmarshal([]byte(r.Files[name]), &manifest); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		own := cmp.Or(manifest.Spec.PolicyName, manifest.Spec.UserName, manifest.Spec.GroupName, manifest.Metadata.Name)
		items = append(items, Item{manifest.Kind, own, manifest.Metadata.Name})
	}
	return items, nil
}
