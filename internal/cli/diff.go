// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/difference"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// diffOptions are those of `kubectl pam diff`.
type diffOptions struct {
	selecting
	refresh bool
	timeout time.Duration
	output  printer.Format
}

func newDiff(f *frame.Frame) *cobra.Command {
	o := &diffOptions{selecting: selecting{Frame: f}}
	cmd := &cobra.Command{
		Use:   "diff [KIND | KIND/NAME ...]",
		Short: "Show how the appliance differs from the spec",
		Long: `Show the managed fields whose values at the appliance differ from the spec, and why they are not repaired.

It shows what the operator found when it last looked; with --refresh, it has the appliance read again first. Passwords
are never shown. It ends with 0 without a difference, with 1 if there is one, and with 2 if an object could not be
compared.`,
		Example:           "  kubectl pam diff rdpcp/rdp-demo\n  kubectl pam diff -A -o json",
		RunE:              f.RunE(o),
		ValidArgsFunction: frame.CompleteRefs(f, kinds.Policies),
	}
	o.addFlags(cmd)
	frame.CompleteFlag(f, cmd, "connection", kinds.SPSConnection)
	cmd.Flags().BoolVar(&o.refresh, "refresh", false, "Have the appliance read again first, as reconcile does")
	frame.AddTimeout(cmd, &o.timeout)
	frame.AddOutput(cmd, &o.output, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

// Validate refuses kinds that are not compared.
func (o *diffOptions) Validate() error {
	for _, ref := range o.refs {
		if !ref.Kind.IsPolicy() {
			return frame.Usage(fmt.Errorf("%s is not compared with an appliance; policies, users and groups are", ref))
		}
	}
	return o.selecting.Validate()
}

// Run prints the differences.
func (o *diffOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	objects, hidden, err := o.fetchVisible(ctx, c, kinds.Policies())
	if err != nil {
		return err
	}
	if o.refresh && len(objects) > 0 {
		if _, err := requestReconcile(ctx, o.Frame, c, objects, frame.Acting{Wait: true, Timeout: o.timeout}); err != nil {
			return err
		}
		if objects, hidden, err = o.fetchVisible(ctx, c, kinds.Policies()); err != nil {
			return err
		}
	}
	answer := o.show(difference.Of(objects))
	if answer != nil && hidden != nil {
		o.Note(printer.MarkUnknown, "not all is shown: %v", hidden)
	}
	if answer == nil {
		answer = hidden
	}
	return answer
}

// show prints the differences, and returns the exit code.
func (o *diffOptions) show(found difference.List) error {
	if o.output.Structured() {
		if err := o.output.Print(o.Out, found.Document()); err != nil {
			return err
		}
		return o.answer(found)
	}
	for _, each := range found {
		if each.Differs() {
			each.Print(o.Out, o.Screen)
		}
		if each.Unknown != "" {
			o.Note(printer.MarkUnknown, "%s could not be compared: %s", each.Ref, each.Unknown)
		}
	}
	if len(found) > 0 && !slices.ContainsFunc(found, difference.Difference.Matters) {
		o.Note(printer.MarkReady, "%s: no difference", printer.Plural(len(found), "object", "objects"))
	}
	return o.answer(found)
}

// answer is the exit code.
func (o *diffOptions) answer(found difference.List) error {
	if slices.ContainsFunc(found, difference.Difference.Differs) {
		return frame.No()
	}
	if slices.ContainsFunc(found, difference.Difference.Matters) {
		return frame.Exit(frame.ExitError, nil)
	}
	return nil
}
