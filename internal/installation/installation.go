// SPDX-License-Identifier: Apache-2.0

// Package installation is config/default for a control plane without nodes, where the manager is a process: what it may
// do, who it is, what the API server refuses besides, and how it is started. So a test or the demo runs the manager with the rights that an installation
// gives it, and with no others.
package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// withoutNodes are the kinds of config/default that mean something where no container runs. The resource definitions
// are there already, and the manager is a process.
var withoutNodes = []string{
	"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}

// Installation is what is to be applied for a manager, and who it is.
type Installation struct {
	Objects []*unstructured.Unstructured
	// Namespace and ServiceAccount are the manager's.
	Namespace, ServiceAccount string
}

// Render reads a folder as an installation by kustomize would, with the kubectl that is given.
func Render(ctx context.Context, kubectl, dir string) (Installation, error) {
	//nolint:gosec // G204: the kubectl that belongs to the control plane
	cmd := exec.CommandContext(ctx, kubectl, "kustomize", dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	rendered, err := cmd.Output()
	if err != nil {
		return Installation{}, fmt.Errorf("render %s: %w: %s", dir, err, bytes.TrimSpace(stderr.Bytes()))
	}
	installed, err := parse(rendered)
	if err != nil {
		return Installation{}, fmt.Errorf("%s: %w", dir, err)
	}
	return installed, nil
}

func parse(rendered []byte) (Installation, error) {
	objects, err := Decode(rendered)
	if err != nil {
		return Installation{}, err
	}
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return !slices.Contains(withoutNodes, o.GetKind())
	})
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ServiceAccount" })
	if i < 0 {
		return Installation{}, errors.New("there is no ServiceAccount")
	}
	return Installation{objects, objects[i].GetNamespace(), objects[i].GetName()}, nil
}

// User is the name and the groups that a token of the service account gives.
func (i Installation) User() (name string, groups []string) {
	name = "system:serviceaccount:" + i.Namespace + ":" + i.ServiceAccount
	return name, []string{"system:serviceaccounts", "system:serviceaccounts:" + i.Namespace}
}

// Arguments are those of config/manager, but for what only a Pod needs. Metrics and probes are not served, since their
// ports could be taken on this machine.
func (i Installation) Arguments(kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect", "--leader-election-namespace=" + i.Namespace,
		"--metrics-bind-address=0", "--health-probe-bind-address=0",
		"--zap-encoder=console", "--zap-time-encoding=rfc3339",
	}
}
