// SPDX-License-Identifier: Apache-2.0

// Package installation provides config/default to a control plane without nodes, where the manager is a process: its
// permissions, its identity, the admission policies and its arguments. A test or the demo thereby runs the manager with
// exactly the rights of an installation.
package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// withoutNodes are the kinds in config/default that mean something where no container runs. The resource definitions
// are apart, because most beds have them already, and the manager is a process.
var withoutNodes = []string{
	"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}

// Installation is what to apply for a manager, and its identity.
type Installation struct {
	Objects []*unstructured.Unstructured
	// Definitions are the CustomResourceDefinitions, which come first.
	Definitions []*unstructured.Unstructured
	// Namespace and ServiceAccount are the manager's.
	Namespace, ServiceAccount string

	// watch is the Deployment's argument that restricts the manager to certain namespaces; empty if there is none.
	watch string
}

// Render builds folders with the given kubectl, as kustomize would.
func Render(ctx context.Context, kubectl string, dirs ...string) (Installation, error) {
	var all bytes.Buffer
	for _, dir := range dirs {
		rendered, err := Kubectl(ctx, kubectl, "", "kustomize", dir)
		if err != nil {
			return Installation{}, err
		}
		all.WriteString("---\n" + rendered)
	}
	installed, err := Parse(all.Bytes())
	if err != nil {
		return Installation{}, fmt.Errorf("%s: %w", strings.Join(dirs, ", "), err)
	}
	return installed, nil
}

// Parse reads what kustomize or Helm has rendered.
func Parse(rendered []byte) (Installation, error) {
	objects, err := Decode(rendered)
	if err != nil {
		return Installation{}, err
	}
	watch, definitions := watchArgument(objects), slices.DeleteFunc(slices.Clone(objects), isNoDefinition)
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return !slices.Contains(withoutNodes, o.GetKind())
	})
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ServiceAccount" })
	if i < 0 {
		return Installation{}, errors.New("no ServiceAccount")
	}
	return Installation{objects, definitions, objects[i].GetNamespace(), objects[i].GetName(), watch}, nil
}

func isNoDefinition(o *unstructured.Unstructured) bool {
	return o.GetKind() != "CustomResourceDefinition"
}

// watchArgument returns the Deployment's argument that selects the namespaces to watch.
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

// NamespacesOfOthers returns the namespaces that objects are in but that the installation does not create.
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

// User returns the user name and groups of the service account.
func (i Installation) User() (name string, groups []string) {
	name = "system:serviceaccount:" + i.Namespace + ":" + i.ServiceAccount
	return name, []string{"system:serviceaccounts", "system:serviceaccounts:" + i.Namespace}
}

// Arguments are those of config/manager without the ones that only make sense in a Pod. Metrics and probes are off,
// because their ports may be taken on this machine, and appliances may be on loopback, where simulated ones are.
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
