// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/overview"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// statusOptions are those of `kubectl pam status`.
type statusOptions struct {
	selecting
	watch, wait, exitCode bool
	timeout               time.Duration
	output                printer.Format
}

func newStatus(f *frame.Frame) *cobra.Command {
	o := &statusOptions{selecting: selecting{Frame: f}}
	cmd := &cobra.Command{
		Use:   "status [KIND | KIND/NAME ...]",
		Short: "Show object status and who needs to act",
		Long: `Show connections with the objects that go through them: how each is, since when, and who has to act.

Without arguments, all objects of the namespace are shown, and the kinds are named that you may not list. KIND is a kind
or its short name, as in rdpcp/rdp-demo. More than 20 ready objects of one kind are shown as one line.

--wait ends with 0 once all are ready, at once with 1 if nothing will change for one of them until somebody acts, and
with 124 after --timeout. --watch goes on until it is interrupted.`,
		Example: `  kubectl pam status -n pam-system
  kubectl pam status rdpcp/rdp-demo --wait --timeout 2m
  kubectl pam status -A --exit-code -o json`,
		RunE:              f.RunE(o),
		ValidArgsFunction: frame.CompleteRefs(f, kinds.All),
	}
	o.addFlags(cmd)
	frame.CompleteFlag(f, cmd, "connection", kinds.SPSConnection, kinds.NPSConnection)
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Show every change, until interrupted")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until all objects are ready, or one of them needs somebody")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "How long to wait; 0 is without limit")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "End with 1 if an object is not ready")
	frame.AddOutput(cmd, &o.output, printer.FormatWide, printer.FormatJSON, printer.FormatYAML, printer.FormatName)
	return cmd
}

// Validate refuses what contradicts itself.
func (o *statusOptions) Validate() error {
	switch {
	case o.watch && o.wait:
		return frame.Usagef("give either --watch or --wait")
	case o.watch && o.output.Structured():
		return frame.Usagef("--watch prints no documents; use kubectl get --watch --output json")
	case o.timeout != 0 && !o.wait:
		return frame.Usagef("--timeout has no effect without --wait")
	}
	return o.selecting.Validate()
}

// Run shows the objects.
func (o *statusOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.watch:
		return o.follow(ctx, c)
	case o.wait:
		return o.await(ctx, c)
	}
	objects, hidden, err := o.fetchVisible(ctx, c, kinds.All())
	if err != nil {
		return err
	}
	view := o.view(ctx, c, objects)
	if err := o.print(view); err != nil {
		return err
	}
	if !o.output.Structured() && o.output != printer.FormatName {
		o.NoteLeaderless(ctx)
	}
	switch {
	case o.exitCode && !view.AllReady():
		return frame.No()
	case o.exitCode:
		return hidden
	case hidden != nil:
		o.Note(printer.MarkUnknown, "not all is shown: %v", hidden)
	}
	return nil
}

// view groups the objects by their connections.
func (o *statusOptions) view(ctx context.Context, c *cluster.Client, objects []kinds.Object) overview.View {
	return overview.New(objects, overview.Connections(ctx, c, objects), o.Now())
}

func (o *statusOptions) print(view overview.View) error {
	switch {
	case o.output.Structured():
		return o.output.Print(o.Out, view.Document())
	case o.output == printer.FormatName:
		for _, name := range view.Names() {
			fmt.Fprintln(o.Out, name)
		}
		return nil
	case view.Empty():
		o.Note(printer.MarkNone, "%s", o.nothing())
		return nil
	}
	view.Print(o.Out, o.Screen, overview.Options{
		Wide: o.output == printer.FormatWide, Namespaces: o.allNamespaces, Namespace: o.namespace,
	})
	return nil
}

func (o *statusOptions) nothing() string {
	if o.allNamespaces {
		return "there are no objects of pam-operator in this cluster"
	}
	return fmt.Sprintf("there are no objects of pam-operator in namespace %s; -A looks in all namespaces", o.namespace)
}

// await waits until all objects are ready, or one of them will not become so.
func (o *statusOptions) await(ctx context.Context, c *cluster.Client) error {
	if o.named() { // a name that does not exist is an error, and not something to wait for
		if _, err := c.GetRefs(ctx, o.refs); err != nil {
			return err
		}
	}
	ctx, cancel := frame.WithTimeout(ctx, o.timeout)
	defer cancel()
	progress := o.Progress()
	var view overview.View
	err := c.Follow(ctx, o.followed(kinds.All()), func(s cluster.Snapshot) (bool, error) {
		objects := o.filter(s.Objects())
		if len(objects) == 0 {
			return true, errors.New("there is nothing to wait for: " + o.nothing())
		}
		view = o.view(ctx, c, objects)
		progress.Show("%s", view.Progress())
		return view.AllReady() || view.Hopeless(), nil
	})
	progress.Done()
	if err != nil {
		if !view.Empty() {
			o.Note(printer.MarkFailed, "not ready: %s", view.Summary())
		}
		return err
	}
	if err := o.print(view); err != nil {
		return err
	}
	if !view.AllReady() {
		return frame.No()
	}
	return nil
}

// follow shows every change: a terminal has it drawn again, a log gets the lines that changed.
func (o *statusOptions) follow(ctx context.Context, c *cluster.Client) error {
	shown := map[cluster.ID]string{}
	return c.Follow(ctx, o.followed(kinds.All()), func(s cluster.Snapshot) (bool, error) {
		view := o.view(ctx, c, o.filter(s.Objects()))
		if !o.Screen.Terminal {
			for _, line := range view.Changes(shown) {
				fmt.Fprintln(o.Out, line)
			}
			return false, nil
		}
		fmt.Fprint(o.Out, "\x1b[H\x1b[2J")
		return false, o.print(view)
	})
}
