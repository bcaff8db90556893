// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/version"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// oldest is the oldest Kubernetes that has all that is needed: ValidatingAdmissionPolicy is stable since.
const oldest = "1.30"

func kubernetes(ctx context.Context, s Subject) (Results, error) {
	const name = "kubernetes"
	is, err := s.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	switch old, known := tooOld(is); {
	case !known:
		return warning(name, "", "Kubernetes calls its version %q; %s is needed", is, oldest), nil
	case old:
		return failed(name, "upgrade Kubernetes", "Kubernetes %s, needs %s", is, oldest), nil
	}
	return passed(name, "Kubernetes %s, needs %s", is, oldest), nil
}

// tooOld reports whether a version is older than the oldest one; a text that is no version is not known.
func tooOld(text string) (old, known bool) {
	v, err := version.ParseGeneric(text)
	return err == nil && v.LessThan(version.MustParseGeneric(oldest)), err == nil
}

// definitions looks at the CRDs.
func definitions(ctx context.Context, s Subject) (Results, error) {
	const name = "definitions"
	crds, err := ourDefinitions(ctx, s)
	if cluster.IsForbidden(err) {
		return warning(name, err.Error(), "the CRDs cannot be seen"), nil
	}
	if err != nil {
		return nil, err
	}
	var missing []string
	label := ""
	for _, kind := range kinds.All() {
		crd, there := crds[kind.Resource+"."+pamv1alpha1.GroupVersion.Group]
		if !there || !established(crd) {
			missing = append(missing, kind.Name)
		}
		label = cmp.Or(label, crd.Labels[cluster.VersionLabel])
	}
	switch {
	case len(missing) == len(kinds.All()):
		return failed(name, "install the operator: docs/install.md", "the operator is not installed: no CRDs"), nil
	case len(missing) > 0:
		return failed(name, "install the CRDs of the plugin's version", "the cluster lacks %s",
			strings.Join(missing, ", ")), nil
	}
	text := fmt.Sprintf("%d kinds of %s, version %s", len(kinds.All()), pamv1alpha1.GroupVersion, cmp.Or(label, "unknown"))
	switch {
	case frame.Skewed(s.Plugin, label):
		return warning(name, "use a plugin of the operator's minor version", "%s; this plugin is %s", text, s.Plugin), nil
	case label != "" && strings.TrimPrefix(label, "v") == strings.TrimPrefix(s.Plugin, "v"):
		return passed(name, "%s, as this plugin", text), nil
	}
	return passed(name, "%s; this plugin is %s", text, s.Plugin), nil
}

// ourDefinitions are the CRDs of our group, by name.
func ourDefinitions(ctx context.Context, s Subject) (map[string]apiextensionsv1.CustomResourceDefinition, error) {
	list := &apiextensionsv1.CustomResourceDefinitionList{}
	if err := s.List(ctx, list); err != nil {
		return nil, err
	}
	out := map[string]apiextensionsv1.CustomResourceDefinition{}
	for _, crd := range list.Items {
		if crd.Spec.Group == pamv1alpha1.GroupVersion.Group {
			out[crd.Name] = crd
		}
	}
	return out, nil
}

func established(crd apiextensionsv1.CustomResourceDefinition) bool {
	return slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
}

// manager looks at what runs.
func manager(ctx context.Context, s Subject) (Results, error) {
	const name = "manager"
	found, err := s.Managers(ctx)
	if err != nil {
		return nil, err
	}
	var out Results
	for _, d := range found.Deployments {
		where := d.Namespace + "/" + d.Name
		wanted := int32(1)
		if d.Spec.Replicas != nil {
			wanted = *d.Spec.Replicas
		}
		if d.Status.ReadyReplicas < max(wanted, 1) {
			out = append(out, failed(name, fmt.Sprintf("kubectl -n %s describe deployment %s; kubectl -n %s logs deployment/%s",
				d.Namespace, d.Name, d.Namespace, d.Name), "manager %s: %d of %d ready", where, d.Status.ReadyReplicas, wanted)...)
			continue
		}
		out = append(out, passed(name, "manager %s: %d of %d ready", where, d.Status.ReadyReplicas, wanted)...)
	}
	leading, err := s.Leading(ctx, found)
	if err != nil {
		return nil, err
	}
	for _, lease := range found.Leases {
		led := slices.ContainsFunc(leading, func(l coordinationv1.Lease) bool { return l.Namespace == lease.Namespace })
		out = append(out, leader(name, lease, led, len(found.Deployments) > 0 || found.Hidden != nil)...)
	}
	switch {
	case found.Hidden != nil:
		out = append(out, warning(name, found.Hidden.Error(), "not all of the manager can be seen")...)
	case len(out) == 0:
		out = failed(name, "install the operator: docs/install.md", "there is no manager")
	case len(found.Leases) > 1:
		out = append(out, warning(name, "they must watch different namespaces: docs/install.md",
			"%d managers lead in this cluster", len(found.Leases))...)
	}
	return out, nil
}

// leader is what a Lease says about who leads.
func leader(name string, lease coordinationv1.Lease, led, installed bool) Results {
	advice := "look at the log of the manager: nothing is done without a leader"
	if !installed {
		advice = "there is no Deployment of the manager, so it seems to be uninstalled: docs/install.md"
	}
	holder := cluster.Holder(lease)
	switch {
	case led:
		return passed(name, "leader %s renews its lease in namespace %s", holder, lease.Namespace)
	case holder == "":
		return failed(name, advice, "no manager leads: the lease in namespace %s is not held", lease.Namespace)
	}
	return failed(name, advice, "no manager leads: %s did not renew its lease in namespace %s within %s", holder,
		lease.Namespace, cluster.Holds(lease))
}

// connectionUse is the policy without which everybody who may create an object may use any connection that serves the
// namespace.
const connectionUse = "connection-use"

func admission(ctx context.Context, s Subject) (Results, error) {
	const name = "admission"
	bindings := &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{}
	err := s.List(ctx, bindings)
	if cluster.IsForbidden(err) {
		return warning(name, err.Error(), "the admission policies cannot be seen"), nil
	}
	if err != nil {
		return nil, err
	}
	for _, binding := range bindings.Items {
		if !strings.HasSuffix(binding.Spec.PolicyName, connectionUse) {
			continue
		}
		var actions []string
		for _, action := range binding.Spec.ValidationActions {
			actions = append(actions, string(action))
		}
		text := strings.Join(actions, ", ")
		if !slices.Contains(binding.Spec.ValidationActions, admissionregistrationv1.Deny) {
			return warning(name, "docs/security.md says what then does not hold", "admission policy %s: %s, and not Deny",
				connectionUse, text), nil
		}
		return passed(name, "admission policy %s: %s", connectionUse, text), nil
	}
	return warning(name, "docs/security.md says what does not hold without it",
		"there is no admission policy %s", connectionUse), nil
}
