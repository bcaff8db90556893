// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/release"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// releaseOptions are those of `kubectl pam release`.
type releaseOptions struct {
	selecting
	frame.Acting
	sessions string
	record   string
}

func newRelease(f *frame.Frame) *cobra.Command {
	o := &releaseOptions{selecting: selecting{Frame: f}}
	cmd := &cobra.Command{
		Use:   "release KIND/NAME ... | --connection NAME | -A",
		Short: "Delete objects and leave the appliance as it is",
		Long: `Delete objects so that what they stand for stays on the appliances as it is. Use it before uninstalling the
operator.

With --connection or -A, connections go last. A running manager is asked to release them (deletionPolicy: Orphan). If
there is none, the finalizers are taken off. Live sessions are ended with --sessions=end, which needs a manager, or left
to themselves with --sessions=keep.

--record writes the objects into a file first, with which "kubectl apply -f" brings them back. It has no Secrets.`,
		Example: `  kubectl pam release -A --dry-run
  kubectl pam release --connection sps-prod -n pam-system --record released.yaml
  kubectl pam release -A --sessions=end --yes`,
		RunE:              f.RunE(o),
		ValidArgsFunction: frame.CompleteRefs(f, kinds.All),
	}
	o.addFlags(cmd)
	frame.CompleteFlag(f, cmd, "connection", kinds.SPSConnection, kinds.NPSConnection)
	cmd.Flags().StringVar(&o.sessions, "sessions", "", "What happens to live sessions: end or keep")
	frame.Must(cmd.RegisterFlagCompletionFunc("sessions",
		cobra.FixedCompletions([]string{release.End, release.Keep}, cobra.ShellCompDirectiveNoFileComp)))
	cmd.Flags().StringVar(&o.record, "record", "", "Write the objects to this file before they are deleted")
	o.AddFlags(cmd, frame.FlagYes, frame.FlagTimeout, frame.FlagForce, frame.FlagOutput)
	return cmd
}

// Validate requires objects to release.
func (o *releaseOptions) Validate() error {
	switch {
	case len(o.refs) == 0 && o.connection == "" && !o.allNamespaces:
		return frame.Usagef("name what to release: KIND/NAME, --connection NAME or --all-namespaces")
	case o.sessions != "" && o.sessions != release.End && o.sessions != release.Keep:
		return frame.Usage(fmt.Errorf("--sessions must be %s or %s, and is %q", release.End, release.Keep, o.sessions))
	}
	return o.selecting.Validate()
}

// Run shows the plan, asks, and carries it out.
func (o *releaseOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	plan, err := o.plan(ctx, c)
	if err != nil {
		return err
	}
	if len(plan.Objects) == 0 {
		o.Note(printer.MarkNone, "there is nothing to release")
		return o.print(plan, o.DryRun.Dry())
	}
	if o.Output == printer.FormatText {
		plan.Print(o.Out, o.Screen)
	}
	if o.DryRun.Client() {
		o.Note(printer.MarkNone, "%s Nothing was done (--dry-run).", plan.How())
		return o.print(plan, true)
	}
	if err := plan.Check(); err != nil {
		return err
	}
	o.Note(printer.MarkNone, "%s", plan.How())
	question := fmt.Sprintf("Release %s?", printer.Plural(len(plan.Objects), "object", "objects"))
	if err := o.Confirm(o.Yes || o.DryRun.Dry(), question); err != nil {
		return err
	}
	if o.record != "" && !o.DryRun.Dry() {
		if err := release.Record(o.record, plan.Objects); err != nil {
			return err
		}
	}
	return o.carryOut(ctx, c, plan)
}

// plan finds out what there is to release, and whether a manager can be asked to.
func (o *releaseOptions) plan(ctx context.Context, c *cluster.Client) (release.Plan, error) {
	objects, err := o.fetch(ctx, c, kinds.All())
	if err != nil {
		return release.Plan{}, err
	}
	for _, each := range objects {
		if owner := frame.OwnerInGit(each); owner != "" && !o.Force {
			return release.Plan{}, fmt.Errorf("%s belongs to %s, which would create it again: stop that first, or add --force",
				cluster.RefOf(each), owner)
		}
	}
	managers, err := c.Managers(ctx)
	if err != nil {
		return release.Plan{}, err
	}
	alive, err := c.Alive(ctx, managers)
	if err == nil && managers.Hidden != nil && !alive {
		err = fmt.Errorf("it cannot be seen whether a manager runs: %w", managers.Hidden)
	}
	if err != nil {
		return release.Plan{}, err
	}
	return release.New(objects, alive, o.sessions), nil
}

func (o *releaseOptions) carryOut(ctx context.Context, c *cluster.Client, plan release.Plan) error {
	ctx, cancel := frame.WithTimeout(ctx, o.Timeout)
	defer cancel()
	progress := o.Progress()
	err := plan.CarryOut(ctx, c, o.DryRun, func(gone, all int) {
		progress.Show("released: %s of %s", printer.Thousands(gone), printer.Thousands(all))
	})
	progress.Done()
	if err != nil {
		return frame.Cause(ctx, err)
	}
	if o.Output == printer.FormatText {
		o.Say(printer.MarkReady, "%s released%s", printer.Plural(len(plan.Objects), "object", "objects"), o.DryRun.Suffix())
		return nil
	}
	return o.print(plan, o.DryRun.Dry())
}

func (o *releaseOptions) print(plan release.Plan, dry bool) error {
	if o.Output == printer.FormatText {
		return nil
	}
	var results []act.Result
	for _, each := range plan.Objects {
		result := act.ResultOf(each, "Released")
		result.DryRun = dry
		results = append(results, result)
	}
	return act.Report{Frame: o.Frame, Kind: "Release", Format: o.Output}.Print(results)
}
