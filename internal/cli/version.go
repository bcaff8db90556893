// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// unknown is shown for what may not be read.
const unknown = "unknown"

// versionOptions are those of `kubectl pam version`.
type versionOptions struct {
	*frame.Frame
	frame.Plain
	client bool
	output printer.Format
}

// versionDocument is what -o json prints.
type versionDocument struct {
	printer.Document `json:",inline"`
	Plugin           string `json:"plugin"`
	Platform         string `json:"platform"`
	GoVersion        string `json:"goVersion"`
	Operator         string `json:"operator,omitempty"`
	Kubernetes       string `json:"kubernetes,omitempty"`
}

func newVersion(f *frame.Frame) *cobra.Command {
	o := &versionOptions{Frame: f}
	cmd := &cobra.Command{
		Use:   "version [--client]",
		Short: "Show the versions of plugin, operator and Kubernetes",
		Long: `Print the versions of the plugin, of the operator and of Kubernetes.

The operator's version is that of its CRDs. It is "unknown" to those who may not read CRDs.`,
		Example: "  kubectl pam version\n  kubectl pam version --client -o json",
		Args:    cobra.NoArgs,
		RunE:    f.RunE(o),
	}
	cmd.Flags().BoolVar(&o.client, "client", false, "Only the plugin's own version; the cluster is not asked")
	frame.AddOutput(cmd, &o.output, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

// Run prints the versions.
func (o *versionOptions) Run(ctx context.Context) error {
	v := versionDocument{
		Document: printer.NewDocument("Version"), Plugin: o.Version,
		Platform: runtime.GOOS + "/" + runtime.GOARCH, GoVersion: runtime.Version(),
	}
	if !o.client {
		if err := o.ask(ctx, &v); err != nil {
			return err
		}
	}
	if o.output.Structured() {
		return o.output.Print(o.Out, v)
	}
	rows := []printer.Row{{Cells: printer.Texts("plugin", o.Version+" ("+v.Platform+", "+v.GoVersion+")")}}
	if !o.client {
		rows = append(rows, printer.Row{Cells: printer.Texts("operator", v.Operator)},
			printer.Row{Cells: printer.Texts("Kubernetes", v.Kubernetes)})
	}
	o.Screen.Table(o.Out, printer.Table{Rows: rows})
	return nil
}

// ask fills in what the cluster knows. Only an API server that does not answer is an error.
func (o *versionOptions) ask(ctx context.Context, v *versionDocument) error {
	c, err := o.ConnectQuietly()
	if err != nil {
		return err
	}
	if v.Kubernetes, err = c.ServerVersion(ctx); err != nil {
		return err
	}
	operator, err := c.OperatorVersion(ctx)
	switch {
	case cluster.IsForbidden(err):
		v.Operator = unknown
	case cluster.IsMissing(err):
		v.Operator = "not installed"
	case err != nil:
		return err
	default:
		v.Operator = cmp.Or(operator, unknown)
	}
	if frame.Skewed(o.Version, operator) {
		o.Note(printer.MarkUnknown, "plugin and operator differ in more than the patch version: use a plugin of the "+
			"operator's minor version")
	}
	return nil
}
