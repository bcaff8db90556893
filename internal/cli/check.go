// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/checks"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// checkOptions are those of `kubectl pam check`.
type checkOptions struct {
	*frame.Frame
	frame.Plain
	pre    bool
	output printer.Format
}

func newCheck(f *frame.Frame) *cobra.Command {
	o := &checkOptions{Frame: f}
	cmd := &cobra.Command{
		Use:   "check [--pre]",
		Short: "Check the installation or its prerequisites",
		Long: `Check the installation: Kubernetes, the CRDs, the manager, the admission policies, the connections, and your
rights in the namespace.

--pre checks what must be true before an installation, and needs no operator. A warning, which begins with "!", does not
change the exit code.`,
		Example: "  kubectl pam check\n  kubectl pam check --pre",
		Args:    cobra.NoArgs,
		RunE:    f.RunE(o),
	}
	cmd.Flags().BoolVar(&o.pre, "pre", false, "Only what must be true before an installation")
	frame.AddOutput(cmd, &o.output, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

// Run makes the checks.
func (o *checkOptions) Run(ctx context.Context) error {
	c, err := o.ConnectQuietly()
	if err != nil {
		return err
	}
	results, err := checks.Run(ctx, checks.Subject{Client: c, Plugin: o.Version, Now: o.Now()}, o.pre)
	if err != nil {
		return err
	}
	if o.output.Structured() {
		if err := o.output.Print(o.Out, results.Document()); err != nil {
			return err
		}
	} else {
		results.Print(o.Out, o.Screen)
	}
	if slices.ContainsFunc(results, func(r checks.Result) bool { return r.Outcome == checks.Failed }) {
		return frame.No()
	}
	return nil
}
