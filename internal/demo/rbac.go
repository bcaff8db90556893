// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/installation"
)

// managerKubeconfig is the file with the manager's own identity.
const managerKubeconfig = "manager.kubeconfig"

// applyRBAC applies the manager's roles, and makes a client certificate for its service account, so that the manager
// has these rights and no others.
func (d *demo) applyRBAC(ctx context.Context) error {
	var err error
	config := filepath.Join(d.Root, "config")
	folders := []string{filepath.Join(config, "default")}
	if d.Namespaced {
		folders = []string{filepath.Join(config, "namespaced", "cluster"), filepath.Join(config, "namespaced")}
	}
	if d.installed, err = installation.Render(ctx, kubectl(), folders...); err != nil {
		return err
	}
	for _, name := range d.installed.NamespacesOfOthers() {
		namespace := &unstructured.Unstructured{}
		namespace.SetAPIVersion("v1")
		namespace.SetKind("Namespace")
		namespace.SetName(name)
		if err := d.apply(ctx, []*unstructured.Unstructured{namespace}); err != nil {
			return err
		}
	}
	if err := d.apply(ctx, d.installed.Objects); err != nil {
		return err
	}
	d.screen.detail("%d objects; the Deployment is left out, since this control plane has no nodes",
		len(d.installed.Objects))
	user, groups := d.installed.User()
	_, kubeconfig, err := d.plane.AddUser(user, groups...)
	if err != nil {
		return err
	}
	d.screen.detail("the manager will be %s", user)
	return os.WriteFile(d.path(managerKubeconfig), kubeconfig, 0o600)
}
