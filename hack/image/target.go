// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// target is an image that this program can build. The stage of the Dockerfile with the same name builds the same image
// with a container engine, and a test compares the two.
type target struct {
	name        string
	title       string
	description string
	binaries    []binary
	entrypoint  string
}

// binary is a program in the root folder of an image.
type binary struct {
	name string
	pkg  string // relative to the repository
}

var (
	manager   = binary{name: "manager", pkg: "./cmd"}
	simulator = binary{name: "pam-simulator", pkg: "./cmd/pam-simulator"}
	plugin    = binary{name: "kubectl-pam", pkg: "./cmd/kubectl-pam"}
	consumer  = binary{name: "consumer", pkg: "./test/cluster/consumer"}
)

var targets = []target{
	{
		name: "manager", title: "pam-operator",
		description: "Kubernetes operator for privileged access management appliances",
		binaries:    []binary{manager}, entrypoint: "/manager",
	},
	{
		name: "simulator", title: "pam-simulator",
		description: "Simulated appliances for trying out and testing pam-operator",
		binaries:    []binary{simulator}, entrypoint: "/pam-simulator",
	},
	{
		name: "kubectl-pam", title: "kubectl-pam",
		description: "The plugin kubectl pam, for Jobs that request their own privileged sessions",
		binaries:    []binary{plugin}, entrypoint: "/kubectl-pam",
	},
	{
		name: "test", title: "pam-operator-test",
		description: "The manager, the simulator, the plugin and a consumer for the tests of pam-operator on a cluster",
		binaries:    []binary{manager, simulator, plugin, consumer}, entrypoint: "/manager",
	},
}

func targetNamed(name string) (target, error) {
	names := make([]string, 0, len(targets))
	for _, t := range targets {
		if t.name == name {
			return t, nil
		}
		names = append(names, t.name)
	}
	return target{}, fmt.Errorf("unknown target %q: use one of %s", name, strings.Join(names, ", "))
}
