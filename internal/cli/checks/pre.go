// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"cmp"
	"context"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
)

// mayInstall checks the rights of the user who installs the operator.
func mayInstall(ctx context.Context, s Subject) (Results, error) {
	wanted := make([]cluster.Right, 0, 8)
	for _, resource := range []string{
		"customresourcedefinitions.apiextensions.k8s.io", "clusterroles.rbac.authorization.k8s.io",
		"clusterrolebindings.rbac.authorization.k8s.io",
		"validatingadmissionpolicies.admissionregistration.k8s.io",
		"validatingadmissionpolicybindings.admissionregistration.k8s.io",
	} {
		wanted = append(wanted, cluster.Right{Verb: "create", Resource: resource})
	}
	for _, resource := range []string{"deployments.apps", "serviceaccounts", "roles.rbac.authorization.k8s.io"} {
		wanted = append(wanted, cluster.Right{Verb: "create", Resource: resource, Namespace: s.Namespace})
	}
	return missing(ctx, s, "rights", wanted, "you may install the operator in namespace "+s.Namespace)
}

// earlier looks for an installation that is there already.
func earlier(ctx context.Context, s Subject) (Results, error) {
	const name = "earlier"
	crds, err := ourDefinitions(ctx, s)
	if cluster.IsForbidden(err) {
		return warning(name, err.Error(), "it cannot be seen whether there are CRDs of an earlier installation"), nil
	}
	if err != nil {
		return nil, err
	}
	for _, crd := range crds {
		release := crd.Annotations["meta.helm.sh/release-namespace"] + "/" + crd.Annotations["meta.helm.sh/release-name"]
		if release == "/" {
			return warning(name, "install the same version or a newer one: docs/upgrade.md",
				"there are CRDs of version %s already", cmp.Or(crd.Labels[cluster.VersionLabel], "unknown")), nil
		}
		return warning(name, "install under the same name and namespace, or with --take-ownership: docs/install.md",
			"there are CRDs of version %s already, which belong to the Helm release %s",
			cmp.Or(crd.Labels[cluster.VersionLabel], "unknown"), release), nil
	}
	return passed(name, "there is no earlier installation"), nil
}
