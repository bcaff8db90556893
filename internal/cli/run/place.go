// SPDX-License-Identifier: Apache-2.0

package run

import (
	"cmp"
	"os"
	"strings"
)

// pod is the Pod that the command runs in; without a name it runs in none.
type pod struct {
	// name, namespace and uid are those of the Pod, as far as they are known.
	name, namespace, uid string
}

// namespaceFile is where the kubelet puts the namespace of a Pod, beside the token of its service account.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// machine is what there is to find out where the command runs.
type machine struct {
	getenv   func(string) string
	hostname func() (string, error)
	readFile func(string) ([]byte, error)
}

func thisMachine(getenv func(string) string) machine {
	return machine{getenv: getenv, hostname: os.Hostname, readFile: os.ReadFile}
}

// pod finds out which Pod this is. The downward API is right in any case; without it, the host has the name of the Pod,
// unless the Pod uses the network of its node or has a hostname of its own.
func (m machine) pod() pod {
	out := pod{name: m.getenv("POD_NAME"), namespace: m.getenv("POD_NAMESPACE"), uid: m.getenv("POD_UID")}
	if out.namespace == "" {
		if text, err := m.readFile(namespaceFile); err == nil {
			out.namespace = strings.TrimSpace(string(text))
		}
	}
	if out.name == "" && m.getenv("KUBERNETES_SERVICE_HOST") != "" {
		host, err := m.hostname()
		if err == nil {
			out.name = host
		}
	}
	if out.name == "" {
		return pod{}
	}
	return out
}

// in reports whether the Pod is in a namespace. One whose namespace is not known is taken to be where the session is.
func (p pod) in(namespace string) bool {
	return p.name != "" && cmp.Or(p.namespace, namespace) == namespace
}
