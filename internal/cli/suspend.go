// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// suspendOptions are those of `kubectl pam suspend` and `kubectl pam resume`.
type suspendOptions struct {
	selecting
	frame.Acting
	suspend bool
	reason  string
}

func newSuspend(f *frame.Frame) *cobra.Command {
	o := &suspendOptions{selecting: selecting{Frame: f}, suspend: true}
	cmd := o.command(&cobra.Command{
		Use:   "suspend KIND/NAME ... [--reason TEXT]",
		Short: "Suspend reconciliation of objects",
		Long: `Set spec.suspend. Nothing is written to the appliance for the objects, and no session is requested; differences
are still shown. A suspended connection stops everything that goes through it. Live sessions go on.`,
		Example: "  kubectl pam suspend spsc/sps-prod --reason 'firmware upgrade, CHG-4711'",
	})
	cmd.Flags().StringVar(&o.reason, "reason", "", "Why; the message of the object says so")
	return cmd
}

func newResume(f *frame.Frame) *cobra.Command {
	o := &suspendOptions{selecting: selecting{Frame: f}}
	cmd := o.command(&cobra.Command{
		Use:     "resume KIND/NAME ...",
		Short:   "Resume reconciliation of objects",
		Long:    "Unset spec.suspend, and take off the reason. With --wait, it ends once the objects are ready, or stalled.",
		Example: "  kubectl pam resume spsc/sps-prod --wait",
	})
	cmd.Flags().BoolVar(&o.Wait, "wait", false, "Wait until the objects are ready, or one of them needs somebody")
	frame.AddTimeout(cmd, &o.Timeout)
	return cmd
}

func (o *suspendOptions) command(cmd *cobra.Command) *cobra.Command {
	cmd.Args, cmd.RunE, cmd.ValidArgsFunction = cobra.MinimumNArgs(1), o.RunE(o), frame.CompleteRefs(o.Frame, kinds.All)
	o.AddFlags(cmd, frame.FlagForce, frame.FlagOutput)
	return cmd
}

// Validate wants names, not kinds: it would be easy to suspend more than one meant.
func (o *suspendOptions) Validate() error {
	for _, ref := range o.refs {
		if ref.Name == "" {
			return frame.Usage(fmt.Errorf("%s is a kind: name the objects, as in %s/NAME", ref, ref.Kind.ShortName))
		}
	}
	return o.selecting.Validate()
}

// Run changes the objects.
func (o *suspendOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	objects, err := c.GetRefs(ctx, o.refs)
	if err != nil {
		return err
	}
	for _, each := range objects {
		change := fmt.Sprintf("spec.suspend: %t", o.suspend)
		if err := frame.Guard(each, cluster.RefOf(each).String(), change, o.Force); err != nil {
			return err
		}
	}
	if err := act.Each(ctx, objects, func(ctx context.Context, each kinds.Object) error {
		return act.Patch(ctx, c, each, o.change(), o.DryRun)
	}); err != nil {
		return err
	}
	if o.Wait && !o.DryRun.Dry() {
		return o.await(ctx, c, objects)
	}
	return o.print(objects)
}

// change sets or takes off both the field and its reason.
func (o *suspendOptions) change() act.Change {
	var reason any
	if o.reason != "" {
		reason = o.reason
	}
	return act.Spec(map[string]any{"suspend": o.suspend}).
		With(act.Annotate(map[string]any{pamv1alpha1.AnnotationSuspendReason: reason}))
}

func (o *suspendOptions) word() string {
	if o.suspend {
		return "suspended"
	}
	return "resumed"
}

// kind is that of the printed document.
func (o *suspendOptions) kind() string {
	if o.suspend {
		return "Suspend"
	}
	return "Resume"
}

func (o *suspendOptions) print(objects []kinds.Object) error {
	results := make([]act.Result, 0, len(objects))
	for _, each := range objects {
		result := act.ResultOf(each, o.word())
		result.DryRun = o.DryRun.Dry()
		results = append(results, result)
		if o.Output == printer.FormatText {
			o.Say(printer.MarkNone, "%s %s%s", cluster.RefOf(each), o.word(), o.DryRun.Suffix())
		}
	}
	if o.Output == printer.FormatText {
		return nil
	}
	return act.Report{Frame: o.Frame, Kind: o.kind(), Format: o.Output}.Print(results)
}

func (o *suspendOptions) await(ctx context.Context, c *cluster.Client, objects []kinds.Object) error {
	ctx, cancel := frame.WithTimeout(ctx, o.Timeout)
	defer cancel()
	progress := o.Progress()
	outcomes, err := act.Settle(ctx, c, act.Refs(objects), act.Wait{
		FailFast: true, Settled: act.Decided, Tell: act.Tell(progress, len(objects)),
	})
	progress.Done()
	return act.Report{Frame: o.Frame, Kind: o.kind(), Format: o.Output}.Answer(outcomes, err)
}
