// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// staleReader returns an object as a cache shows it that has not seen the latest writes yet.
type staleReader struct {
	client.Client
	shows *pamv1alpha1.RDPConnectionPolicy
}

func (r *staleReader) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if policy, ok := into.(*pamv1alpha1.RDPConnectionPolicy); ok {
		r.shows.DeepCopyInto(policy)
	}
	return nil
}

// TestAReconcileStartsOverWhileTheCacheIsBehindItsOwnWrites: the first reconcile writes "not tried yet" over Synced.
// The second one finds Synced again and sees Synced in the cache, so it would write nothing.
func TestAReconcileStartsOverWhileTheCacheIsBehindItsOwnWrites(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	policy := builder.RDPConnectionPolicy("a", builder.InNamespace("team"), builder.Connection("sps", ""))
	policy.UID = "uid"
	Done(pamv1alpha1.ReasonSynced, "as it should be").Apply(&policy.Status.Conditions, policy.Generation)
	policy.Status.ObservedGeneration = &policy.Generation
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(policy).WithStatusSubresource(policy).Build()
	cached := read(t, cluster, policy)
	d := Deps{
		Client: &staleReader{cluster, cached}, Live: cluster, Events: events.NewFakeRecorder(10), OwnWrites: NewOwnWrites(),
	}
	outcomes := []Outcome{
		Wait(pamv1alpha1.ReasonProgressing, "the connection has not been tried yet", 0),
		Done(pamv1alpha1.ReasonSynced, "as it should be"),
	}
	r := AsReconciler(d, reconcile.ObjectReconciler[*pamv1alpha1.RDPConnectionPolicy](reconcilerFunc(
		func(ctx context.Context, p *pamv1alpha1.RDPConnectionPolicy) (ctrl.Result, error) {
			out := outcomes[0]
			outcomes = outcomes[1:]
			return d.StatusWriter().Save(ctx, p.DeepCopy(), p, out)
		})))
	reconcileNow := func() ctrl.Result {
		t.Helper()
		result, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(policy)})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if result := reconcileNow(); result.RequeueAfter <= 0 || result.RequeueAfter > 2*waitRecheck {
		t.Errorf("a wait without a time is looked at again after %s", result.RequeueAfter)
	}
	if result := reconcileNow(); result != StartOver() || len(outcomes) != 1 {
		t.Fatalf("a stale object was reconciled: %+v", result)
	}
	read(t, cluster, policy).DeepCopyInto(cached)
	reconcileNow()
	if got := ReadyOf(read(t, cluster, policy)); got == nil || got.Reason != pamv1alpha1.ReasonSynced {
		t.Errorf("Ready is %v in the end", got)
	}
}

type reconcilerFunc func(context.Context, *pamv1alpha1.RDPConnectionPolicy) (ctrl.Result, error)

func (f reconcilerFunc) Reconcile(ctx context.Context, p *pamv1alpha1.RDPConnectionPolicy) (ctrl.Result, error) {
	return f(ctx, p)
}

func TestAClusterRestoredFromABackupIsNotBehindForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := NewOwnWrites()
		written, restored := &pamv1alpha1.LocalUser{}, &pamv1alpha1.LocalUser{}
		written.UID, restored.UID = "uid", "uid"
		written.ResourceVersion, restored.ResourceVersion = "1000", "900"
		own.note(written)
		if !own.Behind(restored) || own.Behind(written) {
			t.Error("an older version is not behind, or the written one is")
		}
		<-time.After(behindFor + time.Second)
		if own.Behind(restored) {
			t.Error("an object whose versions started anew is never reconciled")
		}
	})
}

func TestWhatWaitsLooksAgain(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		out  Outcome
		want time.Duration
	}{
		"a wait that a watch ends":    {Wait(pamv1alpha1.ReasonConnectionNotReady, "", 0), waitRecheck},
		"a wait with a time":          {Wait(pamv1alpha1.ReasonLocked, "", time.Second), time.Second},
		"an error, which backs off":   {Retry(pamv1alpha1.ReasonUnreachable, context.DeadlineExceeded), 0},
		"a fault that was reported":   {Stalled(pamv1alpha1.ReasonInvalidSpec, ""), StalledRecheck},
		"an object that is suspended": {Suspended(""), 0},
		"an object that is done":      {Done(pamv1alpha1.ReasonCompleted, ""), 0},
	} {
		if got := c.out.nextLook(); got != c.want {
			t.Errorf("%s: the next look is after %s, want %s", what, got, c.want)
		}
	}
}
