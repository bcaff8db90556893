// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// things are records of which each takes about 1,300 bytes.
func things(n int) []sps.Record {
	out := make([]sps.Record, 0, n)
	for i := range n {
		out = append(out, thing(fmt.Sprintf("k%d", i), fmt.Sprintf("%0500d", i)))
	}
	return out
}

// counted is an inventory of a box with a limited share.
func counted(budget *rest.Budget, b *box, most int64) *Inventory {
	i := newInventory(b)
	i.memory = budget.Share(most, maxResponseField, i.Forget)
	return i
}

func TestWhatAnInventoryKeepsIsCounted(t *testing.T) {
	b := &box{hash: "h1", objects: things(10)}
	i := counted(rest.NewBudget(1<<20), b, 1<<20)
	names(t, i)
	whole := i.memory.Used()
	if whole < 10*1000 {
		t.Errorf("10 things count as %d bytes", whole)
	}
	if _, err := i.List(t.Context(), sps.Users); err != nil || i.memory.Used() < 2*whole-100 {
		t.Errorf("another collection does not count: %d bytes, %v", i.memory.Used(), err)
	}
	b.set("h2", things(5)...)
	i.committed("h1", "h2", []effect{wrote(things(11)[10]), deleted("k0"), deleted("k1")})
	if used := i.memory.Used(); used >= 2*whole || used < whole {
		t.Errorf("after a commit %d bytes are counted", used)
	}
	i.Forget()
	if used := i.memory.Used(); used != 0 {
		t.Errorf("%d bytes of what was thrown away are counted", used)
	}
}

func TestAnInventoryThatIsTooLargeIsNotReadAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{hash: "h1", objects: things(100)}
		i := counted(rest.NewBudget(1<<20), b, 10_000)
		for range 1000 {
			_, err := i.List(t.Context(), sps.RDPConnections)
			if !rest.IsTooLarge(err) || !strings.Contains(err.Error(), "spec.limits.maxResponseSize") {
				t.Fatalf("got %v", err)
			}
		}
		if n := b.lists.Load(); n != 1 {
			t.Errorf("it was read %d times", n)
		}
		time.Sleep(giveUpFor + time.Second) //nolint:forbidigo // on a clock of its own
		_, _ = i.List(t.Context(), sps.RDPConnections)
		if n := b.lists.Load(); n != 2 {
			t.Errorf("later it was read %d times", n)
		}
		i.memory.SetMax(1 << 20)
		i.TryAgain()
		if _, err := i.List(t.Context(), sps.RDPConnections); err != nil {
			t.Errorf("with a limit that was raised: %v", err)
		}
	})
}

// One appliance that sends as much as it may must not take away the memory of the others.
func TestTheLargestInventoryIsDropped(t *testing.T) {
	budget := rest.NewBudget(200_000)
	small := counted(budget, &box{hash: "s", objects: things(40)}, 1<<20)
	large := counted(budget, &box{hash: "l", objects: things(130)}, 1<<20)
	if _, err := large.List(t.Context(), sps.RDPConnections); err != nil {
		t.Fatal(err)
	}
	if _, err := small.List(t.Context(), sps.RDPConnections); err != nil {
		t.Errorf("the small one has no room: %v", err)
	}
	if large.Has(sps.RDPConnections) || !small.Has(sps.RDPConnections) {
		t.Error("it is not the largest that was dropped")
	}
	for range 3 {
		if _, err := large.List(t.Context(), sps.RDPConnections); !errors.Is(err, rest.ErrBudget) {
			t.Errorf("the large one is back: %v", err)
		}
	}
	if !small.Has(sps.RDPConnections) {
		t.Error("the small one was dropped")
	}
}

func TestLimitsOfConnections(t *testing.T) {
	const mib = 1 << 20
	quantity := resource.MustParse("32Mi")
	sps, nps := spsConnection(), builder.NPSConnection("nps", builder.InNamespace(home))
	if got := []int64{maxSPSResponse(sps), maxNPSResponse(nps)}; got[0] != 64*mib || got[1] != 16*mib {
		t.Errorf("by default %v", got)
	}
	sps.Spec.Limits = &pamv1alpha1.SPSLimits{MaxResponseSize: &quantity}
	nps.Spec.Limits = &pamv1alpha1.NPSLimits{MaxResponseSize: &quantity}
	if got := []int64{maxSPSResponse(sps), maxNPSResponse(nps)}; got[0] != 32*mib || got[1] != 32*mib {
		t.Errorf("as set %v", got)
	}
}

func TestALimitChangesWithoutANewClient(t *testing.T) {
	conn := spsConnection()
	pool := newWorld(t, conn, credentials("p")).pool()
	first, err := pool.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	quantity := resource.MustParse("1Mi")
	conn.Spec.Limits = &pamv1alpha1.SPSLimits{MaxResponseSize: &quantity}
	conn.Generation++
	second, err := pool.Connect(t.Context(), conn)
	if err != nil || second != first {
		t.Errorf("another client, %v", err)
	}
	if got := first.memory.Max(); got != 1<<20 {
		t.Errorf("the limit is %d", got)
	}
}

// Nothing stays of connections that came and went.
func TestNothingStaysOfAConnectionThatHasGone(t *testing.T) {
	secret := credentials("p")
	pool := newWorld(t, secret).pool()
	for n := range 50 {
		conn := spsConnection(builder.URL(fmt.Sprintf("https://sps-%d.example.com", n)))
		conn.Name = fmt.Sprintf("sps-%d", n)
		a, err := pool.Connect(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.memory.Hold(1000); err != nil {
			t.Fatal(err)
		}
		pool.Forget(t.Context(), client.ObjectKeyFromObject(conn))
	}
	pool.closing.Wait()
	if len(pool.gates)+len(pool.appliances)+len(pool.servers)+len(pool.pollers)+len(pool.limiters) != 0 {
		t.Errorf("%d gates and %d appliances stay", len(pool.gates), len(pool.appliances))
	}
	if err := pool.cfg.Memory.Share(DefaultAnswerMemory, "", nil).Hold(DefaultAnswerMemory); err != nil {
		t.Errorf("memory of theirs stays counted: %v", err)
	}
}

// Two connections to one appliance share its gate until both have gone.
func TestAGateStaysWhileAnybodyUsesIt(t *testing.T) {
	pool := newWorld(t).pool()
	first, leave := pool.gate("https://sps.example.com")
	second, leaveToo := pool.gate("https://sps.example.com")
	leave()
	leave() // once counts
	third, leaveLast := pool.gate("https://sps.example.com")
	if first != second || second != third {
		t.Error("they do not share it")
	}
	leaveToo()
	leaveLast()
	if len(pool.gates) != 0 {
		t.Error("it stays")
	}
}

// Why a connection cannot be used is told in its own namespace only.
func TestWhatDependentsSeeOfAConnectionThatIsNotReady(t *testing.T) {
	conn := spsConnection()
	conn.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}
	conn.Spec.Grants = []pamv1alpha1.SPSGrant{{Namespaces: []string{"team"}}}
	conn.Status.ObservedGeneration = new(conn.Generation)
	meta.SetStatusCondition(&conn.Status.Conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: pamv1alpha1.ReasonUnreachable,
		Message: "dial tcp 10.1.2.3:443: connection refused",
	})
	pool := newWorld(t, conn, builder.Namespace(home), builder.Namespace("team")).pool()
	for namespace, want := range map[string]string{
		home:   "connection pam-system/sps is not ready: Unreachable: dial tcp 10.1.2.3:443: connection refused",
		"team": "connection pam-system/sps is not ready: Unreachable; its owner sees the cause in its status",
	} {
		ref := pamv1alpha1.ConnectionReference{Name: "sps", Namespace: home}
		use := Use{Kind: "LocalUser", Name: "x", Adoption: pamv1alpha1.AdoptionPolicyNever}
		if _, _, err := pool.Appliance(t.Context(), ref, namespace, use); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", namespace, err)
		}
	}
}

// A server that lists a great many sessions which nobody follows takes little memory.
func TestStrangersInAListAreFew(t *testing.T) {
	r := newRoll()
	r.follow(Followed{Object: object(1), SessionID: "mine"})
	var list []nps.Summary
	for i := range 3 * maxStrangers {
		list = append(list, nps.Summary{ID: fmt.Sprintf("stranger-%d", i), Status: nps.StatusActive})
	}
	r.listed(nps.FilterActive, append(list, nps.Summary{ID: "mine", Status: nps.StatusActive}), time.Now())
	if n := len(r.sightings); n > maxStrangers+2 {
		t.Errorf("%d sessions are remembered", n)
	}
	if _, ok := r.sightings["mine"]; !ok {
		t.Error("the one that is followed is not among them")
	}
}
