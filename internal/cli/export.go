// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/export"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// exporting is what the commands have that have the operator export.
type exporting struct {
	*frame.Frame
	connection string
	kinds      []string
	names      []string
	timeout    time.Duration
	spec       pamv1alpha1.ApplianceExportSpec
}

func (o *exporting) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.connection, "connection", "", "The SPSConnection, which must be in the namespace")
	frame.CompleteFlag(o.Frame, cmd, "connection", kinds.SPSConnection)
	cmd.Flags().StringSliceVar(&o.kinds, "kinds", nil, "Only these kinds, such as rdpcp,lu")
	cmd.Flags().StringSliceVar(&o.names, "names", nil, "Only objects with such names at the appliance, such as 'rdp_*'")
	frame.AddTimeout(cmd, &o.timeout)
}

// Complete reads the kinds.
func (o *exporting) Complete([]string) error {
	o.spec.ConnectionRef.Name, o.spec.Names = o.connection, o.names
	for _, name := range o.kinds {
		kind, err := cluster.ParseKind(name)
		if err != nil {
			return frame.Usage(err)
		}
		if !kind.IsPolicy() {
			return frame.Usage(fmt.Errorf("%s is no kind that an appliance has; policies, users and groups are", kind.Name))
		}
		o.spec.Kinds = append(o.spec.Kinds, pamv1alpha1.PolicyKind(kind.Name))
	}
	return nil
}

// Validate wants a connection.
func (o *exporting) Validate() error {
	if o.connection == "" {
		return frame.Usagef("--connection is required: it names the appliance to read")
	}
	return nil
}

// run exports, and shows how far it is.
func (o *exporting) run(ctx context.Context) (export.Result, error) {
	c, err := o.Connect(ctx)
	if err != nil {
		return export.Result{}, err
	}
	ctx, cancel := frame.WithTimeout(ctx, o.timeout)
	defer cancel()
	progress := o.Progress()
	defer progress.Done()
	return export.Run(ctx, c, o.spec, func(s state.State) {
		progress.Show("the operator reads %s: %s", o.connection, s.Message)
	})
}

// exportOptions are those of `kubectl pam export`.
type exportOptions struct {
	exporting
	folder    string
	overwrite bool
	unmanaged bool
	output    printer.Format
}

func newExport(f *frame.Frame) *cobra.Command {
	o := &exportOptions{exporting: exporting{Frame: f}}
	cmd := &cobra.Command{
		Use:   "export --connection NAME -d DIR | -o yaml",
		Short: "Export appliance configuration as manifests that adopt it",
		Long: `Have the operator read an appliance, and write a manifest for each of its policies, users and groups. Applied
by "kubectl pam adopt -f DIR", they change nothing.

An appliance never gives passwords, so they are not in it. What else cannot be expressed is listed. It needs the verb
export on the connection.`,
		Example: `  kubectl pam export --connection sps-prod -n pam-system --unmanaged -d export/
  kubectl pam export --connection sps-prod --kinds lu,lug -o yaml`,
		Args: cobra.NoArgs,
		RunE: f.RunE(o),
	}
	o.addFlags(cmd)
	cmd.Flags().StringVarP(&o.folder, "directory", "d", "", "Write a file for each object into this folder")
	cmd.Flags().BoolVar(&o.unmanaged, "unmanaged", false, "Only what no object of this cluster stands for")
	cmd.Flags().BoolVar(&o.overwrite, "overwrite", false, "Overwrite files that are there already")
	cmd.Flags().StringVar(&o.spec.TargetNamespace, "target-namespace", "", "The namespace to write into the manifests")
	frame.AddOutput(cmd, &o.output, printer.FormatYAML)
	return cmd
}

// Validate wants a place to write to.
func (o *exportOptions) Validate() error {
	if (o.folder == "") == (o.output == printer.FormatText) {
		return frame.Usagef("no destination for the manifests: give either -d DIR or -o yaml")
	}
	if o.unmanaged {
		o.spec.Selection = pamv1alpha1.ExportUnmanaged
	}
	return o.exporting.Validate()
}

// Run exports.
func (o *exportOptions) Run(ctx context.Context) error {
	result, err := o.run(ctx)
	if err != nil {
		return err
	}
	if o.folder == "" {
		err = result.Print(o.Out)
	} else {
		err = result.Write(o.folder, o.overwrite)
	}
	if err != nil {
		return err
	}
	o.summarize(result)
	return nil
}

// summarize says what was written, what is missing, and what to do next. In a document there is only what is missing.
func (o *exportOptions) summarize(result export.Result) {
	written := len(result.Files)
	switch {
	case o.folder == "":
	case written == 0:
		o.Say(printer.MarkReady, "nothing was found to export")
	default:
		o.Say(printer.MarkReady, "%s in %s: %s", printer.Plural(written, "file", "files"), o.folder,
			export.Counts(result.Export.Status.Objects))
	}
	for _, line := range result.Lacks() {
		o.Note(printer.MarkUnknown, "not exported: %s", line)
	}
	if o.folder != "" && written > 0 {
		o.Note(printer.MarkNone, "next: kubectl pam adopt -f %s; it changes nothing, and refuses what differs", o.folder)
	}
}

// unmanagedOptions are those of `kubectl pam unmanaged`.
type unmanagedOptions struct {
	exporting
	output printer.Format
}

func newUnmanaged(f *frame.Frame) *cobra.Command {
	o := &unmanagedOptions{exporting: exporting{
		Frame: f, spec: pamv1alpha1.ApplianceExportSpec{Selection: pamv1alpha1.ExportUnmanaged},
	}}
	cmd := &cobra.Command{
		Use:   "unmanaged --connection NAME",
		Short: "List appliance objects that no Kubernetes object manages",
		Long: `List the policies, users and groups of an appliance that no object of this cluster names. The connection shows
how many there are in status.unmanaged, without being asked.

The operator reads the names for it, so it needs the verb export on the connection.`,
		Example: "  kubectl pam unmanaged --connection sps-prod -n pam-system",
		Args:    cobra.NoArgs,
		RunE:    f.RunE(o),
	}
	o.addFlags(cmd)
	frame.AddOutput(cmd, &o.output, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

// Run lists the names.
func (o *unmanagedOptions) Run(ctx context.Context) error {
	result, err := o.run(ctx)
	if err != nil {
		return err
	}
	items, err := result.Items()
	if err != nil {
		return err
	}
	if o.output.Structured() {
		return o.output.Print(o.Out, export.Document{Document: printer.NewDocument("Unmanaged"), Items: items})
	}
	table := printer.Table{Header: []string{"KIND", "NAME ON APPLIANCE", "WOULD BE"}}
	for _, item := range items {
		kind, _ := kinds.Named(item.Kind)
		would := cluster.Ref{Kind: kind, Name: item.Name}.String()
		table.Rows = append(table.Rows, printer.Row{
			Cells: printer.Texts(item.Kind, printer.Visible(item.NameOnAppliance), would),
		})
	}
	if len(items) == 0 {
		o.Note(printer.MarkReady, "everything on %s has its object", o.connection)
		return nil
	}
	o.Screen.Table(o.Out, table)
	for _, line := range result.Lacks() {
		o.Note(printer.MarkUnknown, "cannot be managed: %s", line)
	}
	return nil
}
