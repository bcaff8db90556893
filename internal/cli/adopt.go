// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/difference"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// adoptOptions are those of `kubectl pam adopt`.
type adoptOptions struct {
	selecting
	frame.Acting
	files []string
}

func newAdopt(f *frame.Frame) *cobra.Command {
	o := &adoptOptions{selecting: selecting{Frame: f}}
	cmd := &cobra.Command{
		Use:   "adopt KIND/NAME ... | -f DIR",
		Short: "Adopt existing objects of the appliance",
		Long: `Take over objects of the appliance.

With -f, the manifests of a file or folder are applied, such as those of "kubectl pam export", and the command waits
until each is adopted or refused. Nothing at the appliance changes by it as long as adoptionPolicy is IfIdentical, the
default: what differs is refused, and the command ends with 1. Nothing is created: an object only observes until the
operator has seen at the appliance what it stands for.

With KIND/NAME, for an object that was refused or only observes: shows what differs, asks, and sets adoptionPolicy:
Always and managementPolicy: Manage. The appliance is then CHANGED to what the spec says.`,
		Example: `  kubectl pam adopt -f export/
  kubectl pam adopt rdpcp/rdp-finance`,
		RunE:              f.RunE(o),
		ValidArgsFunction: frame.CompleteRefs(f, kinds.Policies),
	}
	cmd.Flags().StringSliceVarP(&o.files, "filename", "f", nil, "Files or folders with manifests; - is the standard input")
	o.AddFlags(cmd, frame.FlagYes, frame.FlagTimeout, frame.FlagForce, frame.FlagOutput)
	return cmd
}

// Validate wants names or files.
func (o *adoptOptions) Validate() error {
	if (len(o.refs) == 0) == (len(o.files) == 0) {
		return frame.Usagef("name what to adopt: either KIND/NAME or -f with manifests")
	}
	for _, ref := range o.refs {
		if !ref.Kind.IsPolicy() || ref.Name == "" {
			return frame.Usage(fmt.Errorf("%s cannot be adopted: name a policy, user or group", ref))
		}
	}
	return nil
}

// Run adopts.
func (o *adoptOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	if len(o.files) > 0 {
		all, err := o.apply(ctx, c)
		if err != nil || o.DryRun.Dry() {
			return err
		}
		return o.await(ctx, c, all.refs(), all)
	}
	objects, err := o.insist(ctx, c)
	if err != nil || o.DryRun.Dry() {
		return err
	}
	return o.await(ctx, c, act.Refs(objects), nil)
}

// insist makes the operator adopt objects although they differ.
func (o *adoptOptions) insist(ctx context.Context, c *cluster.Client) ([]kinds.Object, error) {
	objects, err := c.GetRefs(ctx, o.refs)
	if err != nil {
		return nil, err
	}
	differ := 0
	for _, d := range difference.Of(objects) {
		if d.Differs() {
			differ++
			d.Print(o.ErrOut, o.Aside)
		}
	}
	for _, each := range objects {
		name := cluster.RefOf(each).String()
		if err := frame.Guard(each, name, "spec.adoptionPolicy: Always", o.Force); err != nil {
			return nil, err
		}
	}
	question := fmt.Sprintf("Change the appliance to what the spec of %s says?",
		printer.Plural(len(objects), "object", "objects"))
	if err := o.Confirm(o.Yes || o.DryRun.Dry() || differ == 0, question); err != nil {
		return nil, err
	}
	insist := act.Spec(map[string]any{
		"adoptionPolicy": pamv1alpha1.AdoptionPolicyAlways, "managementPolicy": pamv1alpha1.ManagementPolicyManage,
	})
	err = act.Each(ctx, objects, func(ctx context.Context, each kinds.Object) error {
		return act.Patch(ctx, c, each, insist, o.DryRun)
	})
	if err != nil || !o.DryRun.Dry() {
		return objects, err
	}
	results := make([]act.Result, 0, len(objects))
	for _, each := range objects {
		results = append(results, act.ResultOf(each, "Adopted"))
	}
	return nil, o.would("adopted", results)
}

// would says what a dry run has not done to objects.
func (o *adoptOptions) would(done string, results []act.Result) error {
	count := printer.Plural(len(results), "object", "objects")
	return o.report().Would(count+" would be "+done+o.DryRun.Suffix(), results...)
}

func (o *adoptOptions) report() act.Report {
	return act.Report{Frame: o.Frame, Kind: "Adopt", Format: o.Output}
}

// await waits until each object is adopted or refused. all are the manifests that were applied, if any were.
func (o *adoptOptions) await(ctx context.Context, c *cluster.Client, refs []cluster.Ref, all adoptions) error {
	ctx, cancel := frame.WithTimeout(ctx, o.Timeout)
	defer cancel()
	wait := act.Wait{Settled: act.Decided}
	if all != nil {
		wait = o.awaiting(ctx, c, all)
	}
	progress := o.Progress()
	wait.Tell = func(settled, count int) {
		progress.Show("%s applied, waiting: %s of %s", printer.Plural(count, "object", "objects"),
			printer.Thousands(settled), printer.Thousands(count))
	}
	outcomes, err := act.Settle(ctx, c, refs, wait)
	progress.Done()
	all.explain(outcomes)
	if o.Output != printer.FormatText {
		return o.report().Answer(outcomes, err)
	}
	o.summary(outcomes, all)
	return act.Answer(outcomes, err)
}
