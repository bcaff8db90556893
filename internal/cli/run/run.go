// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"os"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/session"
)

// runner is one run.
type runner struct {
	*options

	client  *cluster.Client
	signals <-chan os.Signal
	// path is the program; empty if there is none to run.
	path string
	here pod

	grows bool
	// bound is set if the session is to end with the Pod that this is.
	bound bool
	// latest is the session as it was last seen.
	latest *pamv1alpha1.ActivitySession
}

// run asks for a session, uses it and ends it. What is needed of this machine and of the caller is looked at first:
// people may have to approve the session.
func (r *runner) run(ctx context.Context) (err error) {
	s, err := r.object(ctx)
	if err != nil {
		return err
	}
	d, err := r.folder()
	if err != nil {
		return err
	}
	left := false
	defer func() {
		if left && err == nil {
			return
		}
		if failure := d.remove(); failure != nil {
			r.Note(printer.MarkFailed, "the connection data could not be removed: %v", failure)
		}
	}()
	began := r.Now()
	made, err := r.ask(ctx, s)
	if !made {
		return refused(err)
	}
	left, err = r.spend(ctx, s, d, began, err)
	return err
}

// ask asks for the session. made is false only if there certainly is none.
func (r *runner) ask(ctx context.Context, s *pamv1alpha1.ActivitySession) (made bool, err error) {
	a, err := newAsker(r.client, s, r.here)
	if err != nil {
		return false, err
	}
	if err := r.permitted(ctx, s); err != nil {
		return false, err
	}
	made, again, err := a.create(ctx, s)
	if again {
		r.Note(printer.MarkNone, "this Pod has asked for session %s before; it is used again", s.Name)
	}
	return made, err
}

// spend uses a session and ends it, unless it is left to its Pod. unknown is set if it is not known whether the session
// was made.
func (r *runner) spend(
	ctx context.Context, s *pamv1alpha1.ActivitySession, d *folder, began time.Time, unknown error,
) (left bool, err error) {
	r.latest = s
	var out outcome
	defer func() { // also if this program has a fault
		if left && err == nil {
			return
		}
		out.ending = r.end(ctx, s)
		if err == nil {
			err = r.close(out, began)
		}
	}()
	if unknown != nil {
		return false, refused(unknown)
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	out, left, err = r.use(ctx, d, follow(following, r.client, s))
	return left, refused(err)
}

// permitted fails if a session would be asked for in vain, or could not be ended.
func (r *runner) permitted(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	may := func(verb string) cluster.Right {
		return cluster.Right{
			Verb: verb, Resource: "activitysessions." + pamv1alpha1.GroupVersion.Group, Namespace: s.Namespace,
		}
	}
	err := r.client.Require(ctx, may("create"), may("list"), may("watch"), session.SecretRight(s))
	if err != nil {
		return err
	}
	patch := r.client.Require(ctx, may("patch")) // by which it is extended, and cancelled
	if patch == nil || r.keep || s.Keeps() || !cluster.IsForbidden(patch) {
		return patch
	}
	if r.grows {
		r.Note(printer.MarkUnknown, "the session cannot be extended: %v", patch)
	}
	return r.client.Require(ctx, may("delete"))
}

// object is the session to ask for.
func (r *runner) object(ctx context.Context) (*pamv1alpha1.ActivitySession, error) {
	s, err := r.request.Object(ctx, r.client)
	if err != nil {
		return nil, err
	}
	r.grows, err = plan{
		bind: r.bind, here: r.here, limits: limits{r.request.Duration, r.maximum}, leave: r.writeOnly != "" && !r.hold,
	}.apply(s)
	to := s.Spec.BoundTo
	r.bound = to != nil && to.Kind == "Pod" && r.here.in(s.Namespace) && to.Name == r.here.name
	if s.Spec.TTLSecondsAfterFinished == nil && !r.keep { // for a command that is killed
		s.Spec.TTLSecondsAfterFinished = new(int32(ttl / time.Second))
	}
	return s, err
}

// use waits for the session, and has CMD use it. left reports whether the session is left to its Pod.
func (r *runner) use(ctx context.Context, d *folder, updates <-chan news) (out outcome, left bool, err error) {
	s, err := r.await(ctx, updates)
	if err != nil {
		return out, false, err
	}
	m, err := fetch(ctx, r.Frame, r.client, s)
	if err != nil {
		return out, false, err
	}
	literal, err := d.fill(m)
	if err != nil {
		return out, false, err
	}
	if !literal {
		r.Note(printer.MarkUnknown, "the user name of this session cannot be written into ssh_config: "+
			`ssh -F "$PAM_DIR/ssh_config" -l "$(cat "$PAM_DIR/username")" pam`)
	}
	if r.writeOnly != "" && !r.hold {
		r.Note(printer.MarkReady, "the files are in %s; the session ends with the Pod %s", d.path, s.Spec.BoundTo.Name)
		return out, true, nil
	}
	out, err = r.supervise(ctx, s, m, d, updates)
	return out, false, err
}

// fetch reads the connection data of a session.
func fetch(
	ctx context.Context, f *frame.Frame, c *cluster.Client, s *pamv1alpha1.ActivitySession,
) (session.Material, error) {
	return session.Fetch(ctx, f, c, s, func(ctx context.Context) (*pamv1alpha1.ActivitySession, error) {
		now, err := session.Find(ctx, c, s)
		if now == nil && err == nil {
			err = session.ErrGone
		}
		return now, err
	})
}

func (r *runner) await(ctx context.Context, updates <-chan news) (*pamv1alpha1.ActivitySession, error) {
	limited, cancel := frame.WithTimeout(ctx, r.timeout)
	defer cancel()
	w := waiter{Frame: r.Frame, progress: r.Progress(), began: r.Now()}
	s, err := w.await(limited, updates, r.signals)
	if s != nil {
		r.latest = s
	}
	if err == nil && r.bound {
		err = bound(s, r.here)
	}
	if err != nil {
		return nil, err
	}
	r.Note(printer.MarkReady, "Active, %s", session.Ends(s, r.Now()))
	return s, nil
}

// folder is where the files will be. It is tried before anybody is asked for a session.
func (r *runner) folder() (d *folder, err error) {
	if r.writeOnly != "" {
		d, err = givenFolder(r.writeOnly, r.groupReadable)
	} else {
		d, err = privateFolder(r.Getenv)
	}
	if err != nil {
		return nil, err
	}
	d.knownHosts = r.knownHosts
	if err := d.try(); err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

func (r *runner) supervise(
	ctx context.Context, s *pamv1alpha1.ActivitySession, m session.Material, d *folder, updates <-chan news,
) (outcome, error) {
	v := &supervisor{
		Frame: r.Frame, client: r.client, folder: d, killAfter: r.killAfter, grows: r.grows,
		growth: growth{limits: limits{r.request.Duration, r.maximum}}, last: s, read: s.Status.SecretRefreshedAt,
	}
	if r.path == "" {
		r.Note(printer.MarkNone, "the files are in %s; interrupt this command to end the session", d.path)
	} else {
		var err error
		environment := append(os.Environ(), variables(s, m, d.path, r.secrets)...)
		if v.child, err = start(r.Frame, r.path, r.command, environment); err != nil {
			return outcome{}, err
		}
	}
	out := v.supervise(ctx, updates, r.signals)
	r.latest = v.last
	return out, nil
}

// end ends the session, and is loud if that cannot be done.
func (r *runner) end(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	e := ender{Frame: r.Frame, client: r.client, keep: r.keep, within: r.within}
	err := e.end(ctx, s)
	if err != nil {
		e.shout(r.latest, err)
	}
	return err
}

// close says how it went.
func (r *runner) close(out outcome, began time.Time) error {
	ran := r.Now().Sub(began).Round(time.Second)
	switch {
	case out.ending != nil:
	case r.path == "":
		r.Note(printer.MarkReady, "session ended, lasted %s", ran)
	default:
		r.Note(printer.MarkReady, "session ended, lasted %s, command returned %d", ran, out.code)
	}
	if code := out.exit(); code != 0 {
		return frame.Exit(code, out.ending)
	}
	return nil
}
