// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/duration"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/state"
)

// ErrGone is returned for a session that somebody deleted.
var ErrGone = errors.New("the session was deleted meanwhile")

// Await follows a session until it is done, and has each look at it shown.
func Await(
	ctx context.Context, c *cluster.Client, ref cluster.Ref,
	look func(*pamv1alpha1.ActivitySession) (done bool, err error),
) error {
	return c.Follow(ctx, []cluster.Ref{ref}, func(s cluster.Snapshot) (bool, error) {
		o, there := s.Find(ref)
		session, is := o.(*pamv1alpha1.ActivitySession)
		if !there || !is {
			return true, ErrGone
		}
		return look(session)
	})
}

// Usable reports whether a session can be used, with its Secret there. One that cannot become so any more, or that
// nobody lets become so, is the answer no.
func Usable(s *pamv1alpha1.ActivitySession) (usable bool, err error) {
	is := state.Of(s)
	switch {
	case s.Status.Phase.Terminal():
		return false, frame.Nof("the session is over: %s", Failure(s))
	case s.Status.Phase == pamv1alpha1.SessionActive && is.Ready():
		return true, nil
	case is.Stuck():
		return false, frame.Nof("%s: %s", is.Word, is.Message)
	case is.Suspended():
		return false, frame.Nof("the request is suspended: %s", is.Message)
	}
	return false, nil
}

// Failure is why a session is over.
func Failure(s *pamv1alpha1.ActivitySession) string {
	if f := s.Status.Failure; f != nil {
		return fmt.Sprintf("%s: %s", f.Reason, cmp.Or(f.Message, string(s.Status.Phase)))
	}
	if ready := meta.FindStatusCondition(s.Status.Conditions, pamv1alpha1.ConditionReady); ready != nil {
		return fmt.Sprintf("%s: %s", s.Status.Phase, ready.Message)
	}
	return string(s.Status.Phase)
}

// steps prints a line whenever a session enters another phase.
type steps struct {
	f     *frame.Frame
	began time.Time
	last  string
}

func (p *steps) show(s *pamv1alpha1.ActivitySession) {
	is := state.Of(s)
	text := string(cmp.Or(s.Status.Phase, pamv1alpha1.SessionPending))
	message := is.Message
	if s.Status.Phase == pamv1alpha1.SessionActive {
		message = Ends(s, p.f.Now())
	}
	if line := text + " " + message; line == p.last {
		return
	}
	p.last = text + " " + message
	fmt.Fprintf(p.f.ErrOut, "%5s  %-20s %s\n", duration.HumanDuration(p.f.Now().Sub(p.began)), text,
		p.f.Aside.Shorten(message, p.f.Aside.Width-28))
}

// Ends says when a session ends, and how long that is from now.
func Ends(s *pamv1alpha1.ActivitySession, now time.Time) string {
	at, known := state.Ends(s)
	if !known {
		return "without an end that is known"
	}
	return fmt.Sprintf("ends %s (%s)", at.In(now.Location()).Format("15:04:05"),
		duration.HumanDuration(max(0, at.Sub(now))))
}
