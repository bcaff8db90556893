// SPDX-License-Identifier: Apache-2.0

package run

import (
	"cmp"
	"context"
	"errors"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/session"
	"github.com/pam-operator/pam-operator/internal/cli/state"
)

// logLines is how much of a failed session's log is shown.
const logLines = 5

// waiter waits until a session can be used.
type waiter struct {
	*frame.Frame

	progress *frame.Progress
	began    time.Time
	last     *pamv1alpha1.ActivitySession
}

// await returns the session once it can be used. A signal ends the wait.
func (w *waiter) await(
	ctx context.Context, updates <-chan news, signals <-chan os.Signal,
) (*pamv1alpha1.ActivitySession, error) {
	defer w.progress.Done()
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for {
		select {
		case n := <-updates:
			usable, err := w.look(n)
			if err != nil || usable {
				return w.last, err
			}
		case <-clock.C:
			if w.Aside.Terminal { // a log gets a line for each change only
				w.show()
			}
		case s := <-signals:
			return w.last, frame.Interrupted(s)
		case <-ctx.Done():
			return w.last, context.Cause(ctx)
		}
	}
}

func (w *waiter) look(n news) (usable bool, err error) {
	switch {
	case n.gone:
		return false, session.ErrGone
	case n.trouble != nil:
		w.progress.Show("the session cannot be seen at present, and the API server is asked again: %v", n.trouble)
		return false, nil //nolint:nilerr // it is asked again
	}
	w.last = n.session
	w.show()
	if makesWay(w.last) {
		return false, nil
	}
	usable, err = session.Usable(w.last)
	if f := w.last.Status.Failure; err != nil && f != nil {
		w.progress.Done()
		for _, line := range f.Log[max(0, len(f.Log)-logLines):] {
			w.Note(printer.MarkNone, "  %s", line)
		}
	}
	return usable, err
}

// makesWay reports whether a session waits for a Secret of the same name, which goes with the session before it: that
// of the last run, when a Role names the Secret.
func makesWay(s *pamv1alpha1.ActivitySession) bool {
	return s.SecretName() != s.Name && state.Of(s).Reason == pamv1alpha1.ReasonConflict
}

// show tells how far it is. On a terminal, the line counts the seconds.
func (w *waiter) show() {
	if w.last == nil {
		return
	}
	is := state.Of(w.last)
	text := string(cmp.Or(w.last.Status.Phase, pamv1alpha1.SessionPending))
	if w.Aside.Terminal {
		text += " " + duration.HumanDuration(w.Now().Sub(w.began))
	}
	switch {
	case makesWay(w.last):
		text += "  waits for Secret " + w.last.SecretName() + ", which goes when the session before it has ended"
	case is.Observed && !is.Ready():
		text += "  " + is.Message
	}
	w.progress.Show("%s", text)
}

// errUnbound says that the operator does not see the Pod that the session should end with.
var errUnbound = errors.New("the session is not bound to this Pod, so nothing would end it if the Pod is killed: set " +
	"POD_NAME and POD_UID by the downward API, or ask for a session that only reaches half an hour ahead with --bind=none")

// bound checks that the operator knows the Pod that a session is bound to, and that it is this one.
func bound(s *pamv1alpha1.ActivitySession, to pod) error {
	if s.Status.BoundToUID == "" || to.uid != "" && to.uid != s.Status.BoundToUID {
		return errUnbound
	}
	return nil
}
