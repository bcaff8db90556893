// SPDX-License-Identifier: Apache-2.0

// Command kubectl-pam is the plugin of kubectl: `kubectl pam`.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // the log-ins of cloud providers, as in kubectl

	"github.com/pam-operator/pam-operator/internal/cli"
)

// version is set by the build.
var version = "dev"

func main() { os.Exit(cli.Main(version)) }
