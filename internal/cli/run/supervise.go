// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"os"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/session"
)

// glance is how often the end of a session is looked at while CMD runs.
const glance = 5 * time.Second

// supervisor looks after CMD and its session while both last.
type supervisor struct {
	*frame.Frame

	client *cluster.Client
	folder *folder
	// child is CMD; nil if the session is only held.
	child *child
	// killAfter is how long CMD may take to end when it has to.
	killAfter time.Duration
	// grows is set for a session that lasts for a step at a time.
	grows bool

	growth    growth
	last      *pamv1alpha1.ActivitySession
	read      *metav1.Time // when the connection data in the folder were fetched
	reactions reactions
	kill      <-chan time.Time
	over      bool
	unseen    bool // the session cannot be followed
	warned    bool
	refused   bool // the session could not be extended at the last try
	// results are the outcomes of calls to the API server, which the loop does not wait for.
	results chan func()
}

// supervise returns when CMD has ended.
func (v *supervisor) supervise(ctx context.Context, updates <-chan news, signals <-chan os.Signal) outcome {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	v.results = make(chan func())
	clock := time.NewTicker(glance)
	defer clock.Stop()
	var done chan int
	if v.child != nil {
		done = v.child.done
	}
	for {
		select {
		case code := <-done:
			return outcome{code: code, over: v.over}
		case n := <-updates:
			v.look(ctx, n)
		case result := <-v.results:
			result()
		case <-clock.C:
			v.grow(ctx)
		case s := <-signals:
			if v.child == nil { // to be told to stop is how it ends
				return outcome{}
			}
			v.react(s)
		case <-v.kill:
			v.Note(printer.MarkFailed, "the command did not end within %s, and is killed", v.killAfter)
			v.child.signal(syscall.SIGKILL)
		}
		if v.child == nil && v.over {
			return outcome{over: true}
		}
	}
}

func (v *supervisor) react(s os.Signal) {
	r := v.reactions.to(s, v.child.fromTerminal(), v.Now())
	switch {
	case r.terminate && s == os.Interrupt:
		v.terminate(syscall.SIGTERM)
	case r.terminate:
		v.terminate(s)
	case r.forward:
		v.child.signal(s)
	}
}

// terminate asks CMD to end, and has it killed if it does not.
func (v *supervisor) terminate(by os.Signal) {
	if v.child == nil {
		return
	}
	v.child.signal(by)
	if v.kill == nil {
		v.kill = time.After(v.killAfter)
	}
}

// look takes what is new about the session.
func (v *supervisor) look(ctx context.Context, n news) {
	switch {
	case n.gone:
		v.end("it was deleted")
	case n.trouble != nil:
		if !v.unseen {
			v.Note(printer.MarkUnknown, "the session cannot be seen at present, and the command goes on: %v", n.trouble)
		}
		v.unseen = true
	default:
		v.unseen = false
		v.last = n.session
		if why := ended(v.last); why != "" {
			v.end(why)
			return
		}
		v.renew(ctx)
		v.grow(ctx)
	}
}

// ended is why a session is of no use any more; empty if it is.
func ended(s *pamv1alpha1.ActivitySession) string {
	switch {
	case s.Status.Phase.Terminal():
		return session.Failure(s)
	case s.DeletionTimestamp != nil:
		return "it is being deleted"
	case s.Status.Phase == pamv1alpha1.SessionEnding:
		return "it is being ended"
	}
	return ""
}

// end notes that the session is over, and has CMD end.
func (v *supervisor) end(why string) {
	if v.over {
		return
	}
	v.over = true
	v.Note(printer.MarkFailed, "the session has ended: %s", why)
	v.terminate(syscall.SIGTERM)
}

// report has the loop take the result of a call.
func (v *supervisor) report(ctx context.Context, result func()) {
	select {
	case v.results <- result:
	case <-ctx.Done():
	}
}

// renew replaces the files when the operator has fetched the connection data again.
func (v *supervisor) renew(ctx context.Context) {
	at := v.last.Status.SecretRefreshedAt
	if at == nil || at.Equal(v.read) {
		return
	}
	v.read = at
	s := v.last
	go func() {
		m, err := fetch(ctx, v.Frame, v.client, s)
		if err == nil {
			_, err = v.folder.fill(m)
		}
		if err != nil {
			v.report(ctx, func() {
				v.Note(printer.MarkUnknown, "the connection data could not be renewed: %v", err)
			})
		}
	}()
}

// grow lets the session last for another step when it is about to end.
func (v *supervisor) grow(ctx context.Context) {
	if !v.grows || v.over {
		return
	}
	if v.growth.stuck(v.last, v.Now()) && !v.warned {
		v.warned = true
		v.Note(printer.MarkUnknown, "the session %s, and was not extended: kubectl pam session logs %s -n %s says why",
			session.Ends(v.last, v.Now()), v.last.Name, v.last.Namespace)
	}
	wanted := v.growth.next(v.last, v.Now())
	if wanted == 0 {
		return
	}
	v.growth.note(v.last, wanted)
	s := v.last.DeepCopy()
	go func() {
		change := act.Spec(map[string]any{"duration": wanted.String()})
		err := act.Patch(ctx, v.client, s, change, frame.DryRunNone)
		v.report(ctx, func() {
			if err != nil {
				v.ungrown(err)
				return
			}
			v.refused = false
		})
	}()
}

// ungrown takes the failure to ask for more time, which is tried again until the end.
func (v *supervisor) ungrown(err error) {
	v.growth.asked = 0
	if !v.refused {
		v.Note(printer.MarkUnknown, "the session %s, and cannot be extended: %v", session.Ends(v.last, v.Now()), err)
	}
	v.refused = true
}
