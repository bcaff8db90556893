// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// successorDeletions is how many deletions the successor has sent when the first leader wakes up.
const successorDeletions = 5

// TestADeposedLeaderWritesNothing freezes the leading manager in the middle of the deletion of 40 groups. The other one
// takes over and ends the open transaction; while it deletes, the first resumes where it was.
func TestADeposedLeaderWritesNothing(t *testing.T) {
	for _, version := range []string{"6.0", "7.0", "8.0"} {
		t.Run("SPS "+version, func(t *testing.T) {
			t.Parallel() // mostly waiting
			l := newDeposition(t, version)
			l.create()
			l.depose()
			l.expectOneWriter()
			l.second.stop(t)
			l.expectNothingIsLeft()
		})
	}
}

// deposition is a bed with two managers, the first of which leads.
type deposition struct {
	*groupBed

	first, second *manager
	record        writesRecord
}

// writesRecord is what was sent to the appliance that changes something, in order.
type writesRecord struct {
	mu     sync.Mutex
	writes []sentWrite
	// meets is called with every request, and may hold it.
	meets func(sentWrite)
}

type sentWrite struct{ cookie, method, path string }

func (w sentWrite) deletesGroup() bool {
	return w.method == http.MethodDelete && strings.HasPrefix(w.path, groupsPath+"/")
}

func (w sentWrite) rollsBack() bool { return w.method == http.MethodDelete && w.path == transaction }

func newDeposition(t *testing.T, version string) *deposition {
	t.Helper()
	l := &deposition{groupBed: newGroupBed(t, version)}
	allowLeases(t, l.cluster, l.site.namespace)
	l.first, l.second = l.manager, newManager(t, l.cluster, l.site.namespace)
	for _, m := range []*manager{l.first, l.second} {
		m.arguments = []string{
			"--leader-elect", "--leader-election-namespace=" + l.site.namespace,
			// A busy machine must not make a manager lose its lease.
			"--leader-elect-lease-duration=10s", "--leader-elect-renew-deadline=8s", "--leader-elect-retry-period=1s",
		}
	}
	l.site.Faults().OnRequest(l.record.note)
	return l
}

// note records a request if it changes something.
func (r *writesRecord) note(request *http.Request) {
	if request.Method == http.MethodGet {
		return
	}
	cookie, err := request.Cookie("session_id")
	if err != nil {
		return
	}
	write := sentWrite{cookie.Value, request.Method, request.URL.Path}
	r.mu.Lock()
	r.writes = append(r.writes, write)
	meets := r.meets
	r.mu.Unlock()
	if meets != nil {
		meets(write)
	}
}

func (r *writesRecord) meet(meets func(sentWrite)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes, r.meets = nil, meets
}

// create is step 1: the first manager leads and creates the groups, and the second stands by.
func (l *deposition) create() {
	l.Helper()
	l.first.start(l.T)
	l.connect()
	l.second.start(l.T)
	l.cluster.apply(l.T, l.groups()...)
	l.eventually(func(g Gomega) { g.Expect(l.reasons(g)).To(Equal(map[string]int{"True Synced": groupCount})) })
	l.expectGroups(groupCount)
	l.step("1. %d groups are created", groupCount)
}

// depose is steps 2 to 4.
func (l *deposition) depose() {
	l.Helper()
	frozen, thawed := make(chan struct{}), make(chan struct{})
	deletions := map[string]int{} // by log-in session
	var leader string
	var mu sync.Mutex
	l.record.meet(func(w sentWrite) {
		if !w.deletesGroup() {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		deletions[w.cookie]++
		switch {
		case leader == "" && deletions[w.cookie] == writesBeforeTear:
			leader = w.cookie
			if err := l.first.running().Freeze(); err != nil {
				l.Error(err)
			}
			close(frozen)
		case leader != "" && w.cookie != leader && deletions[w.cookie] == successorDeletions:
			if err := l.first.running().Thaw(); err != nil {
				l.Error(err)
			}
			close(thawed)
		}
	})
	l.deleteAll()
	l.await(frozen, "the leader is frozen")
	l.step("2. the leader is frozen after %d deletions", writesBeforeTear)
	l.manager = l.second
	l.await(thawed, "the leader wakes up")
	l.step("3. the leader wakes up, while its successor deletes")
	l.eventually(func(g Gomega) { g.Expect(l.reasons(g)).To(BeEmpty()) })
	NewWithT(l.T).Eventually(l.first.running().Done()).WithTimeout(within).Should(BeClosed())
	if why := l.first.running().Failure(); !strings.Contains(why.Error(), "leader election lost") {
		l.Errorf("the first manager ended for another reason: %v", why)
	}
	l.expectGroups(0)
	l.step("4. %d groups are deleted, and the first manager has ended", groupCount)
}

func (l *deposition) await(happened <-chan struct{}, what string) {
	l.Helper()
	select {
	case <-happened:
	case <-time.After(within):
		l.Fatalf("this did not happen: %s", what)
	}
}

// expectOneWriter requires that only the successor has changed anything since it ended the open transaction. Everything
// before that came from the first leader.
func (l *deposition) expectOneWriter() {
	l.Helper()
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	writes := l.record.writes
	swept := slices.IndexFunc(writes, sentWrite.rollsBack)
	if swept < 0 {
		l.Fatal("the successor ended no transaction")
	}
	after, successor := writes[swept+1:], ""
	for _, w := range after {
		switch {
		case w.rollsBack():
		case w.cookie == writes[0].cookie:
			l.Errorf("the deposed leader sent %s %s after the sweep", w.method, w.path)
		case successor == "":
			successor = w.cookie
		case w.cookie != successor:
			l.Errorf("another client sent %s %s after the sweep", w.method, w.path)
		}
	}
	after = slices.DeleteFunc(after, func(w sentWrite) bool { return !w.deletesGroup() })
	if len(after) < groupCount {
		l.Errorf("the successor deleted %d groups, want all %d", len(after), groupCount)
	}
}
