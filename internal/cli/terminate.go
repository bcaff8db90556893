// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// recordFor is how long the SessionTermination stays as a record, in seconds: a day.
const recordFor = 24 * 60 * 60

// terminateOptions are those of `kubectl pam terminate`.
type terminateOptions struct {
	*frame.Frame
	frame.Acting
	sessionID, policy, connection string
}

func newTerminate(f *frame.Frame) *cobra.Command {
	o := &terminateOptions{Frame: f}
	cmd := &cobra.Command{
		Use:   "terminate SESSION-ID --connection NAME | --policy NAME",
		Short: "Close live sessions on an SPS appliance",
		Long: `Close one live session by the ID that the appliance shows, or all live sessions of a policy.

It creates a SessionTermination, waits for its end, and leaves it as a record for a day. People who are in the session
lose it at once, so you are asked first.`,
		Example: `  kubectl pam terminate svc/rpokH8fD9kx6CaxNLznKx2/test:12 --connection sps-prod
  kubectl pam terminate --policy rdp-demo --yes`,
		Args: cobra.MaximumNArgs(1),
		RunE: f.RunE(o),
	}
	cmd.Flags().StringVar(&o.policy, "policy", "", "Close all live sessions of this RDPConnectionPolicy")
	cmd.Flags().StringVar(&o.connection, "connection", "", "The SPSConnection; the policy's own if left out")
	frame.CompleteFlag(f, cmd, "connection", kinds.SPSConnection)
	frame.CompleteFlag(f, cmd, "policy", kinds.RDPConnectionPolicy)
	o.Acting.AddFlags(cmd, frame.FlagYes, frame.FlagWait, frame.FlagOutput)
	return cmd
}

// Complete notes the session.
func (o *terminateOptions) Complete(args []string) error {
	if len(args) > 0 {
		o.sessionID = args[0]
	}
	return nil
}

// Validate wants one of session and policy.
func (o *terminateOptions) Validate() error {
	switch {
	case (o.sessionID == "") == (o.policy == ""):
		return frame.Usagef("give either the ID of a session or --policy")
	case o.policy == "" && o.connection == "":
		return frame.Usagef("--connection is required: it names the appliance that has the session")
	}
	return nil
}

// Run closes the sessions.
func (o *terminateOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	request, err := o.request(ctx, c)
	if err != nil {
		return err
	}
	what := "the session " + o.sessionID
	if o.policy != "" {
		what = "all live sessions of rdpcp/" + o.policy
	}
	question := fmt.Sprintf("Close %s through spsc/%s?", printer.Clean(what), request.Spec.ConnectionRef.Name)
	if err := o.Confirm(o.Yes || o.DryRun.Dry(), question); err != nil {
		return err
	}
	if !o.DryRun.Client() {
		if err := c.Create(ctx, request, o.DryRun.Create()...); err != nil {
			return err
		}
	}
	if o.DryRun.Dry() {
		return o.report().Would(what+" would be closed"+o.DryRun.Suffix(), act.ResultOf(request, "Requested"))
	}
	return o.await(ctx, c, request)
}

// request is the object to create. A policy knows its connection.
func (o *terminateOptions) request(ctx context.Context, c *cluster.Client) (*pamv1alpha1.SessionTermination, error) {
	t := &pamv1alpha1.SessionTermination{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, GenerateName: "terminate-"},
		Spec: pamv1alpha1.SessionTerminationSpec{
			ConnectionRef: pamv1alpha1.ConnectionReference{Name: o.connection}, SessionID: o.sessionID,
			TTLSecondsAfterFinished: new(int32(recordFor)),
		},
	}
	if o.policy == "" {
		return t, nil
	}
	t.Spec.PolicyRef = &pamv1alpha1.LocalReference{Name: o.policy}
	policy := &pamv1alpha1.RDPConnectionPolicy{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: o.policy}, policy); err != nil {
		return nil, err
	}
	if o.connection != "" && o.connection != policy.Spec.ConnectionRef.Name {
		return nil, fmt.Errorf("rdpcp/%s goes through the connection %s; leave out --connection", o.policy,
			policy.Spec.ConnectionRef.Name)
	}
	t.Spec.ConnectionRef = policy.Spec.ConnectionRef
	return t, nil
}

func (o *terminateOptions) report() act.Report {
	return act.Report{Frame: o.Frame, Kind: "Terminate", Format: o.Output}
}

func (o *terminateOptions) await(ctx context.Context, c *cluster.Client, t *pamv1alpha1.SessionTermination) error {
	report := o.report()
	if !o.Wait {
		o.Note(printer.MarkUnderWay, "requested by st/%s", t.Name)
		return report.Outcomes(act.Now([]kinds.Object{t}))
	}
	ctx, cancel := frame.WithTimeout(ctx, o.Timeout)
	defer cancel()
	outcomes, err := act.Settle(ctx, c, []cluster.Ref{cluster.RefOf(t)}, act.Wait{
		FailFast: true,
		Settled: func(_ kinds.Object, s state.State) bool {
			return s.Ready() || s.Stuck() || s.Suspended()
		},
	})
	if err := report.Answer(outcomes, err); err != nil {
		return err
	}
	if done, is := outcomes[0].Object.(*pamv1alpha1.SessionTermination); is && done.Status.Terminated != nil {
		o.Note(printer.MarkReady, "%s closed", printer.Plural(int(*done.Status.Terminated), "session", "sessions"))
	}
	return nil
}
