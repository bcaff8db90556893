// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// startLimit is how long `session start` waits unless it is told otherwise: people approve some sessions.
const startLimit = 30 * time.Minute

// startOptions are those of `kubectl pam session start`.
type startOptions struct {
	*frame.Frame
	request Request
	wait    bool
	timeout time.Duration
	dryRun  frame.DryRun
	output  printer.Format
}

var startFormats = []printer.Format{printer.FormatJSON, printer.FormatYAML, printer.FormatName}

func newStart(f *frame.Frame) *cobra.Command {
	o := &startOptions{Frame: f}
	cmd := &cobra.Command{
		Use:   "start --connection NAME --activity NAME --resource HOST | --from FILE",
		Short: "Request a session and wait until it can be used",
		Long: `Create an ActivitySession, and follow it until it can be used. It ends with 1 if the session failed or was
denied, and with 124 after --timeout; the request then stays, and can be cancelled.`,
		Example: `  kubectl pam session start --connection nps-prod -n payments --activity 'Linux root' \
    --resource db1.payments.example.com --duration 1h --ticket CHG-1234
  name=$(kubectl pam session start --from request.yaml -o name)`,
		Args: cobra.NoArgs,
		RunE: f.RunE(o),
	}
	o.request.AddFlags(f, cmd)
	cmd.Flags().BoolVar(&o.wait, "wait", true, "Wait until the session can be used")
	cmd.Flags().DurationVar(&o.timeout, "timeout", startLimit, "How long to wait; 0 is without limit")
	o.dryRun.AddFlag(cmd.Flags())
	frame.AddOutput(cmd, &o.output, startFormats...)
	return cmd
}

// Complete has nothing to fill in.
func (o *startOptions) Complete([]string) error { return nil }

// Validate checks the request.
func (o *startOptions) Validate() error {
	if err := o.request.Validate(); err != nil {
		return err
	}
	return o.output.Check(startFormats...)
}

// Run requests the session.
func (o *startOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	s, err := o.request.Object(ctx, c)
	if err != nil {
		return err
	}
	if !o.dryRun.Client() {
		if err := c.Create(ctx, s, o.dryRun.Create()...); err != nil {
			return err
		}
	}
	if o.dryRun.Dry() {
		o.Note(printer.MarkNone, "the session would be requested%s", o.dryRun.Suffix())
		return o.print(s)
	}
	o.Note(printer.MarkNone, "session %s requested", s.Name)
	if !o.wait {
		return o.print(s)
	}
	return o.follow(ctx, c, s)
}

func (o *startOptions) follow(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) error {
	limited, cancel := frame.WithTimeout(ctx, o.timeout)
	defer cancel()
	show := steps{f: o.Frame, began: o.Now()}
	latest := s
	err := Await(limited, c, refOf(s), func(now *pamv1alpha1.ActivitySession) (bool, error) {
		latest = now
		show.show(now)
		return Usable(now)
	})
	if err != nil {
		if !latest.Status.Phase.Terminal() {
			o.Note(printer.MarkNone, "the request stays; to withdraw it: kubectl pam session cancel %s -n %s", s.Name,
				s.Namespace)
		}
		return err
	}
	return o.print(latest)
}

// print writes the session, or what can be done with it.
func (o *startOptions) print(s *pamv1alpha1.ActivitySession) error {
	switch {
	case o.output.Structured():
		return o.output.Print(o.Out, documentOf("Session", s))
	case o.output == printer.FormatName:
		fmt.Fprintln(o.Out, refOf(s).FullName())
		return nil
	case o.dryRun.Dry():
		return nil
	}
	fmt.Fprintf(o.Out, "connect: kubectl pam session connect %s -n %s\n", s.Name, s.Namespace)
	fmt.Fprintf(o.Out, "end:     kubectl pam session cancel %s -n %s\n", s.Name, s.Namespace)
	return nil
}
