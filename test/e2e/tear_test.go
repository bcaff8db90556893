// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/test/builder"
)

// writesBeforeTear is how many of the writes are in the transaction when it is dropped.
const writesBeforeTear = 15

// TestATornTransactionLosesNothing drops the transaction in the middle of the creation of 40 groups, and of their
// deletion, with the cookie of its own log-in session: anyone who can read the Secret could do so, and so does a
// fail-over.
func TestATornTransactionLosesNothing(t *testing.T) {
	for _, version := range []string{"6.0", "7.0", "8.0"} {
		t.Run("SPS "+version, func(t *testing.T) {
			t.Parallel() // mostly waiting
			b := newGroupBed(t, version)
			b.manager.start(t)
			b.connect()
			b.tearCreation()
			b.tearDeletion()
			b.createAgain()
			b.manager.stop(t)
			b.expectNothingIsLeft()
		})
	}
}

// tearAt drops the transaction before the request of a method that comes after n others of it.
func (b *groupBed) tearAt(method string) (torn *atomic.Bool) {
	b.Helper()
	torn = &atomic.Bool{}
	var writes atomic.Int64
	b.site.Faults().OnRequest(func(r *http.Request) {
		if r.Method == method && strings.HasPrefix(r.URL.Path, groupsPath) && writes.Add(1) == writesBeforeTear+1 {
			torn.Store(b.dropWithCookie())
		}
	})
	return torn
}

// dropWithCookie rolls back what is open in the log-in session of the manager's transactions.
func (b *groupBed) dropWithCookie() bool {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: b.site.namespace, Name: builder.DefaultSPSConnection + ".session"}
	if err := b.cluster.client.Get(b.Context(), key, secret); err != nil {
		b.Error(err)
		return false
	}
	request := httptest.NewRequestWithContext(b.Context(), http.MethodDelete, transaction, nil)
	request.Header.Set("Cookie", "session_id="+string(secret.Data["cookie"]))
	answer := httptest.NewRecorder()
	b.site.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		b.Errorf("the transaction was not dropped: %d %s", answer.Code, answer.Body)
	}
	return answer.Code == http.StatusOK
}

// tearCreation is step 1: all groups come from one kubectl apply.
func (b *groupBed) tearCreation() {
	b.Helper()
	torn := b.tearAt(http.MethodPost)
	b.cluster.apply(b.T, b.groups()...)
	b.eventually(func(g Gomega) { g.Expect(b.reasons(g)).To(Equal(map[string]int{"True Synced": groupCount})) })
	b.site.Faults().OnRequest(nil)
	if !torn.Load() {
		b.Fatal("the transaction was not dropped")
	}
	b.expectGroups(groupCount)
	b.step("1. %d groups are created, although their transaction was dropped after %d", groupCount, writesBeforeTear)
}

// tearDeletion is step 2: all groups are deleted at once.
func (b *groupBed) tearDeletion() {
	b.Helper()
	torn := b.tearAt(http.MethodDelete)
	b.deleteAll()
	b.eventually(func(g Gomega) { g.Expect(b.reasons(g)).To(BeEmpty()) })
	b.site.Faults().OnRequest(nil)
	if !torn.Load() {
		b.Fatal("the transaction was not dropped")
	}
	b.expectGroups(0)
	b.step("2. %d groups are deleted, although their transaction was dropped after %d", groupCount, writesBeforeTear)
}

// createAgain is step 3: their names are free.
func (b *groupBed) createAgain() {
	b.Helper()
	b.cluster.apply(b.T, b.groups()...)
	b.eventually(func(g Gomega) { g.Expect(b.reasons(g)).To(Equal(map[string]int{"True Synced": groupCount})) })
	b.expectGroups(groupCount)
	b.step("3. %d groups are created under the same names", groupCount)
}
