// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/test/builder"
)

// pacedSession is an object whose request was sent, as its last reconcile left it at noon, and a reconciler whose clock
// shows so long after noon.
func pacedSession(t *testing.T, after time.Duration) (*pamv1alpha1.ActivitySession, *reconciler) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{pamv1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).Build()
	r := newReconciler(loop.Deps{Client: cluster, Live: cluster, Options: loop.Options{}.WithDefaults()})
	r.now = func() time.Time { return noon.Add(after) }
	s := builder.ActivitySession("session")
	s.UID, s.Generation = "uid", 3
	s = sentRequest(s)
	s.Status.ObservedGeneration, s.Status.RequestAttempts = new(int64(3)), new(int32(1))
	return s, r
}

// TestNothingSearchesBeforeTheNextSearchIsDue: the server is nil, so that whoever asks it anything fails.
func TestNothingSearchesBeforeTheNextSearchIsDue(t *testing.T) {
	denial := &loop.Problem{Reason: pamv1alpha1.ReasonConnectionNotPermitted, Message: "no grant", Stall: true}
	for name, c := range map[string]struct {
		refusal *refusal
		denied  bool
		want    string
	}{
		"a request that was refused":                         {&refusal{}, false, pamv1alpha1.ReasonRejected},
		"a request without an answer":                        {nil, false, pamv1alpha1.ReasonProgressing},
		"a request that was withdrawn":                       {nil, true, pamv1alpha1.ReasonConnectionNotPermitted},
		"a request that was refused, and is not allowed now": {&refusal{}, true, pamv1alpha1.ReasonConnectionNotPermitted},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := pacedSession(t, 3*time.Second)
			r.memory.update(s.UID, func(known *memo) {
				known.refusal, known.unansweredSince = c.refusal, noon
			})
			r.memory.searched(s.UID, noon, 10*time.Second)
			var out loop.Outcome
			var err error
			if c.denied {
				out, err = r.remover.requester.withdraw(t.Context(), nil, s, denial)
			} else {
				out, err = r.remover.requester.recover(t.Context(), nil, s)
			}
			if err != nil {
				out = loop.OutcomeOf(err)
			}
			if out.Reason != c.want || out.Continues() {
				t.Errorf("the outcome is %s: %s", out.Reason, out.Message)
			}
			if !c.denied && out.After != 7*time.Second {
				t.Errorf("it looks again after %s", out.After)
			}
		})
	}
}

func respecified(s *pamv1alpha1.ActivitySession) { s.Generation++ }

func TestASearchIsMadeWhenItIsDueOrAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		after  time.Duration
		change builder.Option
		due    bool
	}{
		"too early":                           {7 * time.Second, nil, false},
		"as early as a jittered delay may be": {8100 * time.Millisecond, nil, true},
		"later":                               {time.Minute, nil, true},
		"a request to reconcile": {
			time.Second, builder.Annotation(pamv1alpha1.AnnotationReconcileRequestedAt, "now"), true,
		},
		"another annotation": {time.Second, builder.Annotation("look", "now"), false},
		"a changed spec":     {time.Second, builder.With(respecified), true},
	} {
		s, r := pacedSession(t, c.after)
		r.memory.update(s.UID, func(known *memo) { known.refusal = &refusal{} })
		r.memory.searched(s.UID, noon, 10*time.Second)
		if c.change != nil {
			c.change(s)
		}
		if due := r.remover.requester.untilSearch(s).Continues(); due != c.due {
			t.Errorf("%s: it is due: %t", name, due)
		}
	}
}

// TestConnectionDataIsFetchedAtMostOnceInTenSeconds: the server is nil, so that whoever asks it anything fails.
func TestConnectionDataIsFetchedAtMostOnceInTenSeconds(t *testing.T) {
	for name, c := range map[string]struct {
		exists bool
		change builder.Option
		err    bool
	}{
		"the Secret was deleted": {false, nil, true},
		"a refresh is requested": {true, builder.Annotation(pamv1alpha1.AnnotationRefreshRequestedAt, "now"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := pacedSession(t, 4*time.Second)
			s.Status.Phase, s.Status.SessionID = pamv1alpha1.SessionActive, "4711"
			keeper := r.remover.secrets
			if c.exists {
				secret := builder.Secret(s.SecretName(), nil, builder.InNamespace(s.Namespace))
				if err := keeper.setMetadata(secret, s); err != nil {
					t.Fatal(err)
				}
				secret.Data = map[string][]byte{secretSessionID: []byte(s.Status.SessionID)}
				if err := r.Client.Create(t.Context(), secret); err != nil {
					t.Fatal(err)
				}
			}
			if c.change != nil {
				c.change(s)
			}
			r.memory.update(s.UID, func(known *memo) { known.fetchedAt = noon })
			after, err := keeper.ensure(t.Context(), nil, s)
			if c.err {
				after = loop.OutcomeOf(err).After
			}
			if (err != nil) != c.err || after != 6*time.Second {
				t.Errorf("it is fetched after %s: %v", after, err)
			}
		})
	}
}

func TestOnlyARequestThatMayLeadToASessionIsRemembered(t *testing.T) {
	refused := func(what refusal) func(*reconciler, *pamv1alpha1.ActivitySession) {
		return func(r *reconciler, s *pamv1alpha1.ActivitySession) {
			r.memory.update(s.UID, func(known *memo) { known.refusal = &what })
		}
	}
	for name, c := range map[string]struct {
		after  time.Duration
		change func(*reconciler, *pamv1alpha1.ActivitySession)
		want   bool
	}{
		"one without an answer":         {time.Hour, nil, false},
		"one that never left":           {time.Second, refused(refusal{unsent: true}), true},
		"one that was refused just now": {time.Second, refused(refusal{}), false},
		"one that was refused":          {time.Hour, refused(refusal{}), true},
		"one that was not searched for": {time.Hour, refused(refusal{open: true}), false},
		"one that was given up, refused": {time.Hour, func(_ *reconciler, s *pamv1alpha1.ActivitySession) {
			s.Status.Failure = newFailure(pamv1alpha1.FailureRejected, "no")
		}, true},
		"one that was sent before": {time.Hour, func(r *reconciler, s *pamv1alpha1.ActivitySession) {
			refused(refusal{})(r, s)
			s.Status.RequestAttempts = new(int32(2))
		}, false},
	} {
		s, r := pacedSession(t, c.after)
		r.memory.update(s.UID, func(known *memo) { known.unansweredSince = noon })
		if c.change != nil {
			c.change(r, s)
		}
		if got := r.wasRefused(s); got != c.want {
			t.Errorf("%s: nothing can come of it: %t", name, got)
		}
	}
}
