// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// reconcileOptions are those of `kubectl pam reconcile`.
type reconcileOptions struct {
	selecting
	frame.Acting
}

func newReconcile(f *frame.Frame) *cobra.Command {
	o := &reconcileOptions{selecting: selecting{Frame: f}}
	cmd := &cobra.Command{
		Use:   "reconcile KIND/NAME ... | --connection NAME | -A",
		Short: "Reconcile objects now, with a fresh look at the appliance",
		Long: `Ask the operator to look at objects now: it reads the appliance or the server again, and compares. A connection
has its whole configuration read, and credentials that were refused are tried again.

The command waits until the operator has done so, and ends with 1 if an object is then not as it should be.`,
		Example: `  kubectl pam reconcile rdpcp/rdp-demo
  kubectl pam reconcile --connection sps-prod -n pam-system`,
		RunE:              f.RunE(o),
		ValidArgsFunction: frame.CompleteRefs(f, kinds.All),
	}
	o.addFlags(cmd)
	frame.CompleteFlag(f, cmd, "connection", kinds.SPSConnection, kinds.NPSConnection)
	o.AddFlags(cmd, frame.FlagWait, frame.FlagOutput)
	return cmd
}

// Validate wants to be told what to reconcile.
func (o *reconcileOptions) Validate() error {
	if len(o.refs) == 0 && o.connection == "" && !o.allNamespaces {
		return frame.Usagef("name what to reconcile: KIND/NAME, KIND, --connection NAME or --all-namespaces")
	}
	return o.selecting.Validate()
}

// Run asks, and waits.
func (o *reconcileOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	objects, err := o.fetch(ctx, c, kinds.All())
	if err != nil {
		return err
	}
	if len(objects) == 0 {
		return errors.New("there is nothing to reconcile")
	}
	outcomes, err := requestReconcile(ctx, o.Frame, c, objects, o.Acting)
	if err != nil && outcomes == nil {
		return err
	}
	report := act.Report{Frame: o.Frame, Kind: "Reconcile", Format: o.Output}
	if o.Wait && !o.DryRun.Dry() {
		return report.Answer(outcomes, err)
	}
	return errors.Join(report.Outcomes(outcomes), err)
}

// requestReconcile asks for a look at objects, and waits for the echo.
func requestReconcile(
	ctx context.Context, f *frame.Frame, c *cluster.Client, objects []kinds.Object, how frame.Acting,
) ([]act.Outcome, error) {
	stamp := f.Now().UTC().Format(time.RFC3339Nano)
	request := act.Annotate(map[string]any{pamv1alpha1.AnnotationReconcileRequestedAt: stamp})
	err := act.Each(ctx, objects, func(ctx context.Context, o kinds.Object) error {
		return act.Patch(ctx, c, o, request, how.DryRun)
	})
	if err != nil {
		return nil, err
	}
	if how.DryRun.Dry() {
		f.Note(printer.MarkNone, "%s would be looked at again%s", printer.Plural(len(objects), "object", "objects"),
			how.DryRun.Suffix())
		return act.Now(objects), nil
	}
	f.Note(printer.MarkUnderWay, "asked at %s; the appliance is read again", stamp)
	if !how.Wait {
		return act.Now(objects), nil
	}
	ctx, cancel := frame.WithTimeout(ctx, how.Timeout)
	defer cancel()
	progress := f.Progress()
	defer progress.Done()
	return act.Settle(ctx, c, act.Refs(objects), act.Wait{
		FailFast: true,
		Settled: func(o kinds.Object, s state.State) bool {
			return *o.GetStatus().HandledRequest() == stamp && act.Decided(o, s)
		},
		Tell: act.Tell(progress, len(objects)),
	})
}
