// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"fmt"

	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DryRun is the value of --dry-run.
type DryRun string

// The values of --dry-run.
const (
	DryRunNone   DryRun = "none"
	DryRunClient DryRun = "client"
	DryRunServer DryRun = "server"
)

// AddFlag adds --dry-run. Without a value it means client.
func (d *DryRun) AddFlag(flags *pflag.FlagSet) {
	*d = DryRunNone
	flags.Var(d, "dry-run",
		"A dry run in this `mode`: client says what would be done, server has the API server check it, too")
	flags.Lookup("dry-run").NoOptDefVal = string(DryRunClient)
}

// Set takes the value of the flag.
func (d *DryRun) Set(text string) error {
	switch mode := DryRun(text); mode {
	case DryRunNone, DryRunClient, DryRunServer:
		*d = mode
		return nil
	}
	return fmt.Errorf("must be none, client or server")
}

// String returns the value of the flag.
func (d *DryRun) String() string { return string(*d) }

// Type is shown in the help.
func (*DryRun) Type() string { return "none|client|server" }

// Dry reports whether nothing may be kept.
func (d DryRun) Dry() bool { return d == DryRunClient || d == DryRunServer }

// Client reports whether not even the API server is told.
func (d DryRun) Client() bool { return d == DryRunClient }

// Suffix is what kubectl writes behind what it did not really do.
func (d DryRun) Suffix() string {
	switch d {
	case DryRunClient:
		return " (dry run)"
	case DryRunServer:
		return " (server dry run)"
	}
	return ""
}

// Patch are the options of a patch.
func (d DryRun) Patch() []client.PatchOption {
	options := []client.PatchOption{client.FieldOwner(FieldOwner)}
	if d == DryRunServer {
		options = append(options, client.DryRunAll)
	}
	return options
}

// Create are the options of a creation.
func (d DryRun) Create() []client.CreateOption {
	options := []client.CreateOption{client.FieldOwner(FieldOwner)}
	if d == DryRunServer {
		options = append(options, client.DryRunAll)
	}
	return options
}

// FieldOwner is the plugin's name among the managers of fields.
const FieldOwner = "kubectl-pam"
