// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stalls are the places where a leader is frozen, and the knowledge at that time: a request held before it is acted on
// is in flight when the leader freezes, and arrives when its successor is done.
var stalls = []struct {
	name string
	at   moment
	// after acts on the request at once, and delays its response.
	after bool
	// sessions is how many the server may have created in the end. At most one is live when all is over.
	sessions int
}{
	{"held and not marked", moment{"API PATCH activitysessions", 1}, true, 1},
	{"held, and the mark is in flight", moment{"API PATCH activitysessions.status", 1}, false, 1},
	{"marked and not asked", moment{"API PATCH activitysessions.status", 1}, true, 1},
	{"asked, and the request is in flight", createCall, false, 2},
	{"asked and not written down", createCall, true, 1},
	{"asked, and the status is in flight", moment{"API PATCH activitysessions.status", 2}, false, 1},
	{"the Secret is in flight", moment{"API POST secrets", 1}, false, 1},
}

// TestOneSessionWhenALeaderWakesUp freezes the leading manager while it requests a session. Another one takes over and
// finishes; then the first resumes where it was.
func TestOneSessionWhenALeaderWakesUp(t *testing.T) {
	t.Parallel() // mostly waiting
	c := theCluster(t)
	var running sync.WaitGroup
	for _, stall := range stalls {
		running.Go(func() {
			t.Run(stall.name, func(t *testing.T) {
				l := newLeadership(t, c)
				frozen, thawed := l.stallAt(stall.at, stall.after)
				l.ask()
				l.takeOver(frozen)
				l.active()
				l.wake(thawed)
				l.active()
				if all := l.server.Sessions(); len(all) > stall.sessions {
					t.Errorf("the server created %d sessions, want at most %d: %+v", len(all), stall.sessions, all)
				}
				l.remove()
				l.second.stop(t)
			})
		})
	}
	running.Wait()
}

// leadership is a trial with two managers, the first of which leads.
type leadership struct {
	*sessionTrial

	first, second *manager
}

func newLeadership(t *testing.T, c *cluster) *leadership {
	t.Helper()
	bed := newSessionBed(t, c)
	allowLeases(t, c, bed.namespace)
	bed.manager.arguments = []string{
		"--leader-elect", "--leader-election-namespace=" + bed.namespace, "--session-recovery-window=8s",
		// A busy machine must not make a manager lose its lease.
		"--leader-elect-lease-duration=10s", "--leader-elect-renew-deadline=8s", "--leader-elect-retry-period=1s",
	}
	l := &leadership{first: bed.manager, second: newManager(t, c, bed.namespace)}
	l.second.arguments = bed.manager.arguments
	l.first.start(t)
	l.sessionTrial = bed.newTrial(t, courses[0])
	l.connect()
	l.second.start(t)
	return l
}

// allowLeases lets the manager lead by a lease in this namespace: trials must not share leases.
func allowLeases(t *testing.T, c *cluster, namespace string) {
	t.Helper()
	user, _ := c.installed.User()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "leases"}
	c.apply(t,
		&rbacv1.Role{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: meta,
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{"coordination.k8s.io", ""}, Resources: []string{"leases", "events"}, Verbs: []string{"*"},
			}},
		},
		&rbacv1.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"}, ObjectMeta: meta,
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		})
}

// stallAt freezes the first manager at a request, and holds the request or its response until it is thawed.
func (l *leadership) stallAt(at moment, after bool) (frozen <-chan struct{}, thawed chan<- struct{}) {
	stopped, again := make(chan struct{}), make(chan struct{})
	l.arm(at, after, func() bool {
		if err := l.first.running().Freeze(); err != nil {
			l.Error(err)
		}
		close(stopped)
		select {
		case <-again:
		case <-l.Context().Done(): // the trial has failed
		}
		return true
	})
	return stopped, again
}

// takeOver waits until the first manager is frozen, and leaves the work to the second.
func (l *leadership) takeOver(frozen <-chan struct{}) {
	l.Helper()
	select {
	case <-frozen:
	case <-time.After(within):
		l.Fatal("the request at which to freeze the leader was not seen")
	}
	l.bed.manager = l.second
}

// wake resumes the first manager, until it notices that it no longer leads.
func (l *leadership) wake(thawed chan<- struct{}) {
	l.Helper()
	first := l.first.running()
	if err := first.Thaw(); err != nil {
		l.Fatal(err)
	}
	close(thawed)
	<-l.strike.over
	NewWithT(l.T).Eventually(first.Done()).WithTimeout(within).Should(BeClosed())
	if why := first.Failure(); !strings.Contains(why.Error(), "leader election lost") {
		l.Errorf("the first manager ended for another reason: %v", why)
	}
}
