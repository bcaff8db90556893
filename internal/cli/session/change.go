// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
)

// changing is what commands that change a session have.
type changing struct {
	named
	frame.Acting
}

// change patches the session, and then waits until look is satisfied, if that is wanted.
func (o *changing) change(
	ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession, change act.Change,
	look func(*pamv1alpha1.ActivitySession) (bool, error),
) error {
	if err := act.Patch(ctx, c, s, change, o.DryRun); err != nil {
		return err
	}
	if o.DryRun.Dry() || !o.Wait {
		return nil
	}
	ctx, cancel := frame.WithTimeout(ctx, o.Timeout)
	defer cancel()
	return Await(ctx, c, refOf(s), look)
}

// refreshOptions are those of `kubectl pam session refresh`.
type refreshOptions struct{ changing }

func newRefresh(f *frame.Frame) *cobra.Command {
	o := &refreshOptions{changing{named: named{Frame: f}}}
	cmd := o.command(&cobra.Command{
		Use: "refresh NAME", Short: "Fetch the connection data of a session again",
		Long:    "Have the connection data in the session's Secret fetched again: the token in it is short-lived.",
		Example: "  kubectl pam session refresh linux-root-x7k2p",
	}, o)
	o.AddFlags(cmd, frame.FlagWait)
	return cmd
}

// Run asks for new data, and waits for them.
func (o *refreshOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	s, err := o.get(ctx, c)
	if err != nil {
		return err
	}
	if err := o.refresh(ctx, c, s); err != nil {
		return err
	}
	o.say("the connection data of "+s.Name, "were fetched again", "are being fetched again", "would be fetched again")
	return nil
}

// say prints what was done to a session, is being done, or would be.
func (o *changing) say(about, did, doing, would string) {
	switch {
	case o.DryRun.Dry():
		o.Say(printer.MarkNone, "%s %s%s", about, would, o.DryRun.Suffix())
	case o.Wait:
		o.Say(printer.MarkReady, "%s %s", about, did)
	default:
		o.Say(printer.MarkUnderWay, "%s %s", about, doing)
	}
}

func (o *changing) refresh(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) error {
	if s.Status.Phase != pamv1alpha1.SessionActive {
		return frame.Nof("as/%s is %s, and only an active session has connection data", s.Name, s.Status.Phase)
	}
	stamp := o.Now().UTC().Format(time.RFC3339Nano)
	request := act.Annotate(map[string]any{pamv1alpha1.AnnotationRefreshRequestedAt: stamp})
	return o.change(ctx, c, s, request, func(s *pamv1alpha1.ActivitySession) (bool, error) {
		if s.Status.HandledRefreshRequest == stamp {
			return true, nil
		}
		_, err := Usable(s)
		return false, err
	})
}

// cancelOptions are those of `kubectl pam session cancel`.
type cancelOptions struct {
	changing
	remove bool
}

func newCancel(f *frame.Frame) *cobra.Command {
	o := &cancelOptions{changing: changing{named: named{Frame: f}}}
	cmd := o.command(&cobra.Command{
		Use: "cancel NAME", Short: "End a session",
		Long: `End a session, or withdraw its request, and wait until it is over. The object stays as a record, unless
--delete is given. It cannot be undone.`,
		Example: "  kubectl pam session cancel linux-root-x7k2p",
	}, o)
	o.AddFlags(cmd, frame.FlagWait)
	cmd.Flags().BoolVar(&o.remove, "delete", false, "Also delete the object")
	return cmd
}

// Run ends the session.
func (o *cancelOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	s, err := o.get(ctx, c)
	if err != nil {
		return err
	}
	gone := false
	if !s.Status.Phase.Terminal() {
		cancel := act.Spec(map[string]any{"cancel": true})
		err := o.change(ctx, c, s, cancel, func(now *pamv1alpha1.ActivitySession) (bool, error) {
			s = now
			return now.Status.Phase.Terminal(), nil
		})
		if gone = errors.Is(err, ErrGone); err != nil && !gone { // the object of one that is over may have a TTL
			return err
		}
	}
	if o.remove && !gone && !o.DryRun.Client() {
		var options []client.DeleteOption
		if o.DryRun.Dry() {
			options = append(options, client.DryRunAll)
		}
		if err := c.Delete(ctx, s, options...); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	o.say("session "+s.Name, "is over", "is being ended", "would be ended")
	return nil
}

// extendOptions are those of `kubectl pam session extend`.
type extendOptions struct {
	changing
	by time.Duration
	to string
}

func newExtend(f *frame.Frame) *cobra.Command {
	o := &extendOptions{changing: changing{named: named{Frame: f}}}
	cmd := o.command(&cobra.Command{
		Use: "extend NAME --by DURATION | --to TIME", Short: "Extend a session",
		Long: `Raise spec.duration, and wait until the server has extended the session. The duration can only grow. TIME is
15:04 of today, or of tomorrow if that is within twelve hours, or RFC 3339.`,
		Example: `  kubectl pam session extend linux-root-x7k2p --by 30m
  kubectl pam session extend linux-root-x7k2p --to 15:30`,
	}, o)
	o.AddFlags(cmd, frame.FlagWait, frame.FlagForce)
	cmd.Flags().DurationVar(&o.by, "by", 0, "How much longer")
	cmd.Flags().StringVar(&o.to, "to", "", "Until when")
	return cmd
}

// Validate wants one of the two.
func (o *extendOptions) Validate() error {
	if (o.by == 0) == (o.to == "") || o.by < 0 {
		return frame.Usagef("give either --by with a duration or --to with a time in the future")
	}
	return o.named.Validate()
}

// Run extends the session.
func (o *extendOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	s, err := o.get(ctx, c)
	if err != nil {
		return err
	}
	wanted, err := o.duration(s)
	if err != nil {
		return err
	}
	if err := frame.Guard(s, "as/"+s.Name, "spec.duration: "+wanted.String(), o.Force); err != nil {
		return err
	}
	before := s.Status.ExpiresAt.DeepCopy()
	change := act.Spec(map[string]any{"duration": wanted.String()})
	err = o.change(ctx, c, s, change, func(now *pamv1alpha1.ActivitySession) (bool, error) {
		s = now
		if _, err := Usable(now); err != nil {
			return false, err
		}
		if now.Status.ExpiresAt != nil && now.Status.ExpiresAt.After(before.Time) {
			return true, nil
		}
		if is := state.Of(now); is.Observed && is.Ready() { // what it says is the answer
			return false, frame.Nof("as/%s was not extended: %s", now.Name, is.Message)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	last := "extended to last " + wanted.String()
	o.say("session "+s.Name, Ends(s, o.Now()), "is being "+last, "would be "+last)
	return nil
}

// duration is the new one.
func (o *extendOptions) duration(s *pamv1alpha1.ActivitySession) (time.Duration, error) {
	ends, known := state.Ends(s)
	switch {
	case s.Status.Phase.Terminal():
		return 0, frame.Nof("as/%s is over: %s", s.Name, s.Status.Phase)
	case s.Spec.Duration == nil:
		return 0, fmt.Errorf("as/%s was requested without a duration, which cannot be added later: the server decides when "+
			"it ends; request a new session with --duration", s.Name)
	case !known:
		return 0, frame.Nof("as/%s is %s, and cannot be extended before it has started", s.Name, s.Status.Phase)
	}
	if o.to == "" {
		return s.Spec.Duration.Duration + o.by, nil
	}
	until, err := parseTime(o.to, o.Now())
	if err != nil {
		return 0, err
	}
	more := until.Sub(ends)
	if more <= 0 {
		return 0, frame.Nof("as/%s %s already, and a session cannot be shortened", s.Name, Ends(s, o.Now()))
	}
	return (s.Spec.Duration.Duration + more).Round(time.Second), nil
}

// tomorrowWithin is how far ahead a time of day may be that is tomorrow's. What has just passed is a slip, and not a
// wish for a whole day.
const tomorrowWithin = 12 * time.Hour

// parseTime reads a time of day of today, or of tomorrow if that is soon, or a whole time.
func parseTime(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	of, err := time.ParseInLocation("15:04", text, now.Location())
	if err != nil {
		return time.Time{}, frame.Usage(fmt.Errorf("--to must be a time such as 15:04 or %s, and is %q",
			now.Format(time.RFC3339), text))
	}
	at := time.Date(now.Year(), now.Month(), now.Day(), of.Hour(), of.Minute(), 0, 0, now.Location())
	if !at.Before(now) {
		return at, nil
	}
	tomorrow := at.AddDate(0, 0, 1)
	if tomorrow.Sub(now) > tomorrowWithin {
		return time.Time{}, frame.Usage(fmt.Errorf("--to %s has passed today, %s ago; if you mean tomorrow: --to %s; "+
			"if you mean a little longer: --by", text, duration.HumanDuration(now.Sub(at)), tomorrow.Format(time.RFC3339)))
	}
	return tomorrow, nil
}
