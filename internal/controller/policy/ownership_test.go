// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// inOneBucket are two names that the index does not distinguish.
func inOneBucket() (name, other string) {
	name = "rdp"
	for i := 0; ; i++ {
		if other = fmt.Sprint("rdp-", i); maps.Equal(loop.ByApplianceName(other), loop.ByApplianceName(name)) {
			return name, other
		}
	}
}

// policyOfAge is the nth of policies that were made within the last minute, one after another, and is on the appliance
// of the connection sps.
func policyOfAge(name, namespace string, nth int64) *pamv1alpha1.RDPConnectionPolicy {
	p := builder.RDPConnectionPolicy(name, builder.InNamespace(namespace),
		builder.Connection(builder.DefaultSPSConnection, builder.DefaultNamespace))
	p.UID, p.CreationTimestamp = types.UID(namespace+"/"+name), metav1.Unix(time.Now().Unix()-60+10*nth, 0)
	p.Status.Key, p.Status.Appliance, p.Status.Origin = "-1", "https://sps.example.com", pamv1alpha1.OriginCreated
	return p
}

// cachedPolicies are these objects in a cluster, with a connection, as the cache of the manager finds them.
func cachedPolicies(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	conn := builder.SPSConnection(builder.DefaultSPSConnection, builder.URL("https://sps.example.com"))
	conn.Status.ObservedGeneration = new(int64(0))
	meta.SetStatusCondition(&conn.Status.Conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: pamv1alpha1.ReasonSynced,
	})
	return fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&pamv1alpha1.RDPConnectionPolicy{}).
		WithIndex(&pamv1alpha1.RDPConnectionPolicy{}, loop.IndexApplianceName, loop.ApplianceNameOf).
		WithObjects(append(objects, conn)...).Build()
}

// listed is an appliance that shows one object in each collection.
type listed struct{ records []sps.Record }

func (l listed) List(context.Context, sps.Collection) (*appliance.Listing, error) {
	return appliance.NewListing(l.records), nil
}

func shows(t *testing.T, key, name string) listed {
	t.Helper()
	record, err := sps.NewRecord(key, sps.Body{"name": name})
	if err != nil {
		t.Fatal(err)
	}
	return listed{[]sps.Record{record}}
}

func TestAClaimOnAName(t *testing.T) {
	t.Parallel()
	const url = "https://sps.example.com"
	type policy = pamv1alpha1.RDPConnectionPolicy
	none := func(p *policy) { p.Status = pamv1alpha1.RDPConnectionPolicyStatus{} }
	is := func(status metav1.ConditionStatus, reason string) func(*policy) {
		return func(p *policy) {
			meta.SetStatusCondition(&p.Status.Conditions, metav1.Condition{
				Type: pamv1alpha1.ConditionReady, Status: status, Reason: reason,
			})
		}
	}
	connection := func(change func(*pamv1alpha1.SPSConnection)) func(*testing.T, client.Client) {
		return func(t *testing.T, c client.Client) {
			t.Helper()
			conn := &pamv1alpha1.SPSConnection{}
			key := client.ObjectKey{Namespace: builder.DefaultNamespace, Name: builder.DefaultSPSConnection}
			if err := c.Get(t.Context(), key, conn); err != nil {
				t.Fatal(err)
			}
			change(conn)
			if err := c.Update(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
		}
	}
	adopted := func(p *policy) {
		p.Status.Origin = pamv1alpha1.OriginAdopted
		is(metav1.ConditionTrue, pamv1alpha1.ReasonSynced)(p)
	}
	elsewhere := func(p *policy) { builder.Connection("another", builder.DefaultNamespace)(p) }
	committed := func(appliance string) func(*testing.T, client.Client) {
		return connection(func(c *pamv1alpha1.SPSConnection) {
			c.Status.LastCommit = &pamv1alpha1.CommitRecord{Time: metav1.Now(), Changes: new(int32(1)), Appliance: appliance}
		})
	}
	for what, c := range map[string]struct {
		older []func(*policy)
		ours  []func(*policy)
		// shown is the key that the appliance has under the name; empty means the older one's.
		shown   string
		refused bool
		conn    func(*testing.T, client.Client)
		want    bool
	}{
		"a key that we wrote and that the appliance shows": {want: true},
		"also through a connection that is suspended since": {
			conn: connection(func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = new(true) }), want: true,
		},
		"a key that was adopted through the same connection": {
			older: []func(*policy){adopted}, ours: []func(*policy){none}, want: true,
		},
		"a key that was adopted, and that ours has created": {older: []func(*policy){adopted}},
		"a key that was adopted through a connection that has committed there": {
			older: []func(*policy){adopted}, ours: []func(*policy){none, elsewhere}, conn: committed(url), want: true,
		},
		"a key that was adopted through a connection that has committed nothing": {
			older: []func(*policy){adopted}, ours: []func(*policy){none, elsewhere}, want: true,
		},
		"a key that was adopted, while its drift waits to be repaired": {
			older: []func(*policy){adopted, is(metav1.ConditionFalse, pamv1alpha1.ReasonLocked)},
			ours:  []func(*policy){none, elsewhere}, want: true,
		},
		"a key that was adopted by an account that turned out to have no right to write": {
			older: []func(*policy){adopted, is(metav1.ConditionFalse, pamv1alpha1.ReasonUnauthorized)},
			ours:  []func(*policy){none, elsewhere},
		},
		"the same, through a connection that has committed there": {
			older: []func(*policy){adopted, is(metav1.ConditionFalse, pamv1alpha1.ReasonUnauthorized)},
			ours:  []func(*policy){none, elsewhere}, conn: committed(url), want: true,
		},
		"the same, through a connection that has committed elsewhere only": {
			older: []func(*policy){adopted, is(metav1.ConditionFalse, pamv1alpha1.ReasonUnauthorized)},
			ours:  []func(*policy){none, elsewhere}, conn: committed("https://other.example.com"),
		},
		"a key that was adopted through a connection that is gone": {
			older: []func(*policy){adopted, elsewhere}, ours: []func(*policy){none},
		},
		"a key that the appliance does not show under the name": {
			older: []func(*policy){is(metav1.ConditionFalse, pamv1alpha1.ReasonConflict)}, shown: "-2",
		},
		"a key without an origin, as an object has that only observed": {older: []func(*policy){
			func(p *policy) { p.Status.Origin = "" }, is(metav1.ConditionFalse, pamv1alpha1.ReasonAdoptionRefused),
		}},
		"a key of another appliance": {older: []func(*policy){
			func(p *policy) { p.Status.Appliance = "https://other.example.com" },
			is(metav1.ConditionFalse, pamv1alpha1.ReasonConnectionNotReady),
		}},
		"an object that only observes now": {older: []func(*policy){
			func(p *policy) { p.Spec.ManagementPolicy = pamv1alpha1.ManagementPolicyObserve },
		}},
		"an older one, where ours only observes": {ours: []func(*policy){none, func(p *policy) {
			p.Spec.ManagementPolicy = pamv1alpha1.ManagementPolicyObserve
		}}},
		"a creation whose outcome is not known": {older: []func(*policy){none, func(p *policy) {
			p.Status.PendingCreation = &pamv1alpha1.PendingCreation{Name: p.NameOnAppliance(), Appliance: url}
		}, is(metav1.ConditionFalse, pamv1alpha1.ReasonUnreachable)}, want: true},
		"a creation through another connection, which has committed nothing": {older: []func(*policy){none, func(p *policy) {
			p.Status.PendingCreation = &pamv1alpha1.PendingCreation{Name: p.NameOnAppliance(), Appliance: url}
		}, is(metav1.ConditionFalse, pamv1alpha1.ReasonUnauthorized)}, ours: []func(*policy){none, elsewhere}},
		"a creation on another appliance": {older: []func(*policy){none, func(p *policy) {
			p.Status.PendingCreation = &pamv1alpha1.PendingCreation{
				Name: p.NameOnAppliance(), Appliance: "https://other.example.com",
			}
		}, is(metav1.ConditionFalse, pamv1alpha1.ReasonUnreachable)}},
		"a finalizer that a user wrote": {older: []func(*policy){
			none, func(p *policy) { p.Finalizers = []string{pamv1alpha1.Finalizer} },
		}, refused: true},
		"one that is new and permitted": {
			older: []func(*policy){none}, ours: []func(*policy){none}, want: true,
		},
		"one that is new does not displace one that is there": {older: []func(*policy){none}, shown: "-1"},
		"one that is new for too long": {older: []func(*policy){
			none, func(p *policy) { p.CreationTimestamp = metav1.NewTime(time.Now().Add(-arrival - time.Minute)) },
		}, ours: []func(*policy){none}},
		"one that is not permitted": {older: []func(*policy){none}, ours: []func(*policy){none}, refused: true},
		"one that is suspended": {older: []func(*policy){
			none, func(p *policy) { p.Spec.Suspend = new(true) },
		}, ours: []func(*policy){none}},
		"one that was refused adoption": {older: []func(*policy){
			none, is(metav1.ConditionFalse, pamv1alpha1.ReasonAdoptionRefused),
		}, ours: []func(*policy){none}},
		"one whose account may not write": {older: []func(*policy){
			none, is(metav1.ConditionFalse, pamv1alpha1.ReasonUnauthorized),
		}, ours: []func(*policy){none}},
		"one whose connection is suspended": {
			older: []func(*policy){none}, ours: []func(*policy){none},
			conn: connection(func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = new(true) }),
		},
		"one whose connection is not ready": {
			older: []func(*policy){none}, ours: []func(*policy){none},
			conn: connection(func(c *pamv1alpha1.SPSConnection) { c.Status.Conditions[0].Status = metav1.ConditionFalse }),
		},
		"one whose connection has changed and was not tried": {
			older: []func(*policy){none}, ours: []func(*policy){none},
			conn: connection(func(c *pamv1alpha1.SPSConnection) { c.Generation = 2 }),
		},
		"one whose connection leads elsewhere": {
			older: []func(*policy){none}, ours: []func(*policy){none},
			conn: connection(func(c *pamv1alpha1.SPSConnection) { c.Spec.URL = "https://other.example.com" }),
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			older, ours := policyOfAge("rdp", "elsewhere", 1), policyOfAge("rdp", "default", 2)
			for o, changes := range map[*policy][]func(*policy){older: c.older, ours: c.ours} {
				for _, change := range changes {
					change(o)
				}
			}
			cluster := cachedPolicies(t, ours.DeepCopy(), older)
			if c.conn != nil {
				c.conn(t, cluster)
			}
			shown := c.shown
			if shown == "" {
				shown = "-1"
			}
			all := newReconciler[*policy](loop.Deps{Client: cluster}, nil).claimants
			all.permits = permitting(!c.refused)
			err := all.admit(t.Context(), shows(t, shown, "rdp"), url, ours)
			if conflict := err != nil && loop.OutcomeOf(err).Reason == pamv1alpha1.ReasonConflict; conflict != c.want {
				t.Errorf("%v, want a conflict: %t", err, c.want)
			}
		})
	}
}

func permitting(
	allowed bool,
) func(context.Context, *pamv1alpha1.SPSConnection, *pamv1alpha1.RDPConnectionPolicy) error {
	return func(context.Context, *pamv1alpha1.SPSConnection, *pamv1alpha1.RDPConnectionPolicy) error {
		if allowed {
			return nil
		}
		return &connection.NotPermittedError{Message: "no grant"}
	}
}

func TestOnlyTheSameNameMakesClaimants(t *testing.T) {
	t.Parallel()
	const url = "https://sps.example.com"
	name, other := inOneBucket()
	ours := policyOfAge(name, "default", 2)
	for what, c := range map[string]struct {
		older *pamv1alpha1.RDPConnectionPolicy
		want  string
	}{
		"an older one of the same name":                   {policyOfAge(name, "elsewhere", 1), pamv1alpha1.ReasonConflict},
		"an older one whose name is in the same bucket":   {policyOfAge(other, "elsewhere", 1), ""},
		"a younger one of the same name, which gives way": {policyOfAge(name, "elsewhere", 3), ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			cluster := cachedPolicies(t, ours.DeepCopy(), c.older)
			all := newReconciler[*pamv1alpha1.RDPConnectionPolicy](loop.Deps{Client: cluster}, nil).claimants
			got := ""
			if err := all.admit(t.Context(), shows(t, "-1", name), url, ours); err != nil {
				got = loop.OutcomeOf(err).Reason
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestADeletionWakesTheOtherClaimantsOnly(t *testing.T) {
	t.Parallel()
	name, other := inOneBucket()
	c := cachedPolicies(t, policyOfAge(name, "elsewhere", 1), policyOfAge(other, "default", 1))
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	otherClaimants(c, &pamv1alpha1.RDPConnectionPolicyList{}).Delete(t.Context(),
		event.DeleteEvent{Object: policyOfAge(name, "default", 2)}, queue)
	var got []string
	for queue.Len() > 0 {
		request, _ := queue.Get()
		got = append(got, request.String())
	}
	if diff := cmp.Diff([]string{"elsewhere/" + name}, got); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}
