// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// ensureRemoved uninstalls everything as docs/uninstall.md says, unless nothing is there.
func (c *cluster) ensureRemoved(ctx context.Context) error {
	if !c.touched {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	blocks, err := section("uninstall.md", "To remove everything")
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if _, err := c.follow(ctx, b); err != nil {
			return err
		}
	}
	return c.removeNamespaces(ctx)
}

// removeNamespaces removes what is left of the scenarios once the operator is gone, and expects that this is all.
func (c *cluster) removeNamespaces(ctx context.Context) error {
	stopped := c.forward.Stop()
	c.forward, c.installed = nil, false
	arguments := append([]string{"delete", "namespace", "--ignore-not-found", "--timeout=120s"}, namespaces...)
	if _, err := c.run(ctx, "", arguments...); err != nil {
		return errors.Join(stopped, err)
	}
	found, err := c.leftovers(ctx)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("still there after everything was removed: %s", strings.Join(found, ", "))
	}
	c.touched = err != nil
	return errors.Join(stopped, err)
}

// clear removes everything by force after a failure: what the documents say may not work in the state that it left.
func (c *cluster) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	out, err := c.shell(ctx, "", fmt.Sprintf(`
helm uninstall pam-operator --namespace %s --ignore-not-found --wait || true
kubectl delete validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings \
  -l app.kubernetes.io/name=pam-operator
for kind in %s; do
  kubectl delete $kind --all -A --wait=false || continue
  kubectl get $kind -A -o jsonpath='{range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}' |
    while read -r namespace name; do
      kubectl patch $kind "$name" -n "$namespace" --type merge -p '{"metadata":{"finalizers":null}}' || true
    done
done
kubectl get crd -o name | { grep 'pam-operator[.]io$' || true; } | xargs -r kubectl delete --timeout=60s
`, operatorNamespace, strings.Join(kindNames(), " ")))
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return c.removeNamespaces(ctx)
}

// kindNames are the names of our kinds in the order in which their objects can go: those that others need come last.
func kindNames() []string {
	var names []string
	for _, kind := range slices.Backward(kinds.All()) {
		names = append(names, kind.Resource+"."+pamv1alpha1.GroupVersion.Group)
	}
	return names
}
