// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// waysToApply are how GitOps tools write a manifest.
var waysToApply = map[string][]string{
	"client-side": {"apply", "-f", "-"},
	"server-side": {"apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-"},
}

// listOfActive is the request by which the poller polls active sessions.
const listOfActive = "NPS GET ActivitySession.MySummaryByStatus.Active"

// TestApplyingAgainChangesNothing applies the manifest of a live session over and over, as GitOps tools do. The object
// stays unchanged, the manager writes nothing, and the server receives nothing but list requests.
func TestApplyingAgainChangesNothing(t *testing.T) {
	t.Parallel() // mostly waiting
	bed := newSessionBed(t, theCluster(t))
	bed.manager.start(t)
	for name, command := range waysToApply {
		t.Run(name, func(t *testing.T) {
			s := bed.newTrial(t, course{})
			s.connect()
			s.apply(command)
			s.active()
			s.quiet()
			session, secret := s.object(), s.secret()
			s.get(NewWithT(t), session)
			s.get(NewWithT(t), secret)
			calls, writes := s.nps.snapshot(), bed.api.snapshot()

			for range 3 {
				said := s.apply(command)
				if name == "client-side" && !strings.Contains(said, "unchanged") {
					t.Errorf("kubectl says %q", said)
				}
			}
			s.rounds(3)
			after := s.object()
			s.get(NewWithT(t), after)
			if diff := cmp.Diff(session.ResourceVersion, after.ResourceVersion); diff != "" || after.Generation != 1 {
				t.Errorf("generation %d, resource version -before +after:\n%s", after.Generation, diff)
			}
			version := secret.ResourceVersion
			s.get(NewWithT(t), secret)
			if secret.ResourceVersion != version {
				t.Error("the Secret was written")
			}
			if diff := cmp.Diff(withoutLists(calls), withoutLists(s.nps.snapshot())); diff != "" {
				t.Errorf("calls of the server -before +after:\n%s", diff)
			}
			if diff := cmp.Diff(writes, bed.api.snapshot()); diff != "" {
				t.Errorf("writes of the manager -before +after:\n%s", diff)
			}
			s.remove()
		})
	}
	bed.manager.stop(t)
}

// TestWhatIsCreatedAgainGetsASessionOfItsOwn deletes a live session and keeps applying its manifest, as GitOps tools do
// that prune and sync. The session is ended before another one is requested.
func TestWhatIsCreatedAgainGetsASessionOfItsOwn(t *testing.T) {
	t.Parallel() // mostly waiting
	bed := newSessionBed(t, theCluster(t))
	bed.manager.start(t)
	for name, command := range waysToApply {
		t.Run(name, func(t *testing.T) {
			s := bed.newTrial(t, course{switches: simnps.CreateSwitches{EndingDelay: simnps.Duration(1000 * time.Hour)}})
			s.connect()
			s.apply(command)
			first := s.active()
			var alive atomic.Int64
			s.server.Faults().OnRequest(func(r *http.Request) {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/ActivitySession") {
					alive.Add(int64(len(s.live())))
				}
			})
			s.delete()
			s.eventually(func(g Gomega) {
				s.apply(command)
				session := s.object()
				s.get(g, session)
				g.Expect(session.UID).To(Equal(first.UID))
				g.Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionEnding))
			})
			s.gone(NewWithT(t), s.secret())
			s.server.SetSwitches(func(sw *simnps.Switches) { sw.EndingDelay = 0 })
			if err := s.server.SetStatus(first.Status.SessionID, simnps.Complete); err != nil {
				t.Fatal(err)
			}
			s.eventually(func(g Gomega) {
				s.apply(command)
				g.Expect(s.uid(g)).NotTo(Equal(first.UID))
			})
			second := s.active()
			if alive.Load() != 0 || len(s.server.Sessions()) != 2 || second.Status.SessionID == first.Status.SessionID {
				t.Errorf("%d sessions were live when another one was requested; there are %+v", alive.Load(), s.server.Sessions())
			}
			if second.Status.RequestID == first.Status.RequestID {
				t.Error("the request ID of another object was adopted")
			}
			s.remove()
		})
	}
	bed.manager.stop(t)
}

// apply applies the manifest of the session, and returns kubectl's output.
func (s *sessionTrial) apply(command []string, options ...builder.Option) string {
	s.Helper()
	manifest, err := builder.Manifest(s.object(append(options, builder.Connection(s.name, ""))...))
	if err != nil {
		s.Fatal(err)
	}
	return s.bed.cluster.kubectl(s.T, manifest, command...)
}

func (s *sessionTrial) uid(g Gomega) types.UID {
	session := s.object()
	err := s.bed.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(session), session)
	g.Expect(apierrors.IsNotFound(err)).To(BeFalse())
	g.Expect(err).NotTo(HaveOccurred())
	return session.UID
}

// quiet waits until the connection counts the session, which is the last write about it.
func (s *sessionTrial) quiet() {
	s.Helper()
	conn := builder.NPSConnection(s.name, builder.InNamespace(s.bed.namespace))
	s.eventually(func(g Gomega) {
		s.get(g, conn)
		g.Expect(conn.Status.ActiveSessions).To(HaveValue(BeEquivalentTo(1)))
	})
	s.rounds(2)
}

// rounds waits until the poller has made n rounds.
func (s *sessionTrial) rounds(n int) {
	s.Helper()
	from := s.nps.total(listOfActive)
	s.eventually(func(g Gomega) { g.Expect(s.nps.total(listOfActive)).To(BeNumerically(">=", from+n)) })
}

// withoutLists removes the poller's lists from a count.
func withoutLists(calls map[string]int) map[string]int {
	maps.DeleteFunc(calls, func(class string, _ int) bool { return strings.Contains(class, "MySummaryByStatus") })
	return calls
}

// snapshot is how often each kind of request was seen.
func (t *tap) snapshot() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.seen)
}
