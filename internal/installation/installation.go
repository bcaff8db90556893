// SPDX-License-Identifier: Apache-2.0

// Package installation is config/default for a control plane without nodes, where the manager is a process: what it may
// do, who it is, what the API server refuses besides, and how it is started. So a test or the demo runs the manager
// with the rights that an installation gives it, and with no others.
package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

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

	// watch is the argument by which the Deployment restricts the manager to some namespaces; empty if it does not.
	watch string
}

// Render reads folders as an installation by kustomize would, with the kubectl that is given.
func Render(ctx context.Context, kubectl string, dirs ...string) (Installation, error) {
	var all bytes.Buffer
	for _, dir := range dirs {
		rendered, err := kustomize(ctx, kubectl, dir)
		if err != nil {
			return Installation{}, err
		}
		all.WriteString("---\n")
		all.Write(rendered)
	}
	installed, err := parse(all.Bytes())
	if err != nil {
		return Installation{}, fmt.Errorf("%s: %w", strings.Join(dirs, ", "), err)
	}
	return installed, nil
}

func kustomize(ctx context.Context, kubectl, dir string) ([]byte, error) {
	//nolint:gosec // G204: the kubectl that belongs to the control plane
	cmd := exec.CommandContext(ctx, kubectl, "kustomize", dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	rendered, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("render %s: %w: %s", dir, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return rendered, nil
}

func parse(rendered []byte) (Installation, error) {
	objects, err := Decode(rendered)
	if err != nil {
		return Installation{}, err
	}
	watch := watchArgument(objects)
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return !slices.Contains(withoutNodes, o.GetKind())
	})
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ServiceAccount" })
	if i < 0 {
		return Installation{}, errors.New("there is no ServiceAccount")
	}
	return Installation{objects, objects[i].GetNamespace(), objects[i].GetName(), watch}, nil
}

// watchArgument is the argument of the Deployment that says which namespaces the manager looks at.
func watchArgument(objects []*unstructured.Unstructured) string {
	for _, o := range objects {
		if o.GetKind() != "Deployment" {
			continue
		}
		containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		for _, c := range containers {
			container, _ := c.(map[string]any)
			arguments, _, _ := unstructured.NestedStringSlice(container, "args")
			for _, argument := range arguments {
				if strings.HasPrefix(argument, "--watch-namespaces=") {
					return argument
				}
			}
		}
	}
	return ""
}

// NamespacesOfOthers are the namespaces that the objects are in and that are not among them.
func (i Installation) NamespacesOfOthers() []string {
	var own []string
	others := make([]string, 0, len(i.Objects))
	for _, o := range i.Objects {
		if o.GetKind() == "Namespace" {
			own = append(own, o.GetName())
		}
		others = append(others, o.GetNamespace())
	}
	slices.Sort(others)
	return slices.DeleteFunc(slices.Compact(others), func(name string) bool {
		return name == "" || slices.Contains(own, name)
	})
}

// User is the name and the groups that a token of the service account gives.
func (i Installation) User() (name string, groups []string) {
	name = "system:serviceaccount:" + i.Namespace + ":" + i.ServiceAccount
	return name, []string{"system:serviceaccounts", "system:serviceaccounts:" + i.Namespace}
}

// Arguments are those of config/manager, but for what only a Pod needs. Metrics and probes are not served, since their
// ports could be taken on this machine, and appliances may be on this machine, as simulated ones are.
func (i Installation) Arguments(kubeconfig string) []string {
	arguments := []string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect", "--leader-election-namespace=" + i.Namespace,
		"--allowed-targets=127.0.0.0/8", "--metrics-bind-address=0", "--health-probe-bind-address=0",
		"--zap-encoder=console", "--zap-time-encoding=rfc3339",
	}
	if i.watch != "" {
		arguments = append(arguments, i.watch)
	}
	return arguments
}
