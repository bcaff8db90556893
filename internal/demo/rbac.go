// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// managerKubeconfig is the file with the manager's own identity.
const managerKubeconfig = "manager.kubeconfig"

// withoutNodes are the kinds of config/default that mean something where no container runs. The resource definitions
// are there already, and the manager is a process.
var withoutNodes = []string{
	"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
}

// applyRBAC applies what the manager is allowed to do, and makes a client certificate for its service account: the
// manager has these rights and no others.
func (d *demo) applyRBAC(ctx context.Context) error {
	rendered, err := d.renderDefault(ctx)
	if err != nil {
		return err
	}
	objects, err := decodeDocuments(rendered)
	if err != nil {
		return fmt.Errorf("config/default: %w", err)
	}
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return !slices.Contains(withoutNodes, o.GetKind())
	})
	if err := d.apply(ctx, objects); err != nil {
		return err
	}
	d.screen.detail("%d objects; the Deployment is left out, since this control plane has no nodes", len(objects))
	return d.impersonate(objects)
}

// renderDefault is what an installation by kustomize would apply.
func (d *demo) renderDefault(ctx context.Context) ([]byte, error) {
	//nolint:gosec // G204: the kubectl that belongs to the control plane
	cmd := exec.CommandContext(ctx, kubectl(), "kustomize", filepath.Join(d.Root, "config", "default"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("render config/default: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// impersonate writes a kubeconfig of the service account, with the name and the groups that a token would give it.
func (d *demo) impersonate(objects []*unstructured.Unstructured) error {
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ServiceAccount" })
	if i < 0 {
		return errors.New("config/default has no ServiceAccount")
	}
	d.namespace = objects[i].GetNamespace()
	user := "system:serviceaccount:" + d.namespace + ":" + objects[i].GetName()
	_, kubeconfig, err := d.plane.AddUser(user, "system:serviceaccounts", "system:serviceaccounts:"+d.namespace)
	if err != nil {
		return err
	}
	d.screen.detail("the manager will be %s", user)
	return os.WriteFile(d.path(managerKubeconfig), kubeconfig, 0o600)
}
