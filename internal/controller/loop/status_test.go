// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestStatusIsWrittenOverNothingThatThePassHasNotSeen(t *testing.T) {
	for name, c := range map[string]struct {
		// meanwhile happens between the state that the cache shows and the write.
		meanwhile func(ctx context.Context, c client.Client, p *pamv1alpha1.RDPConnectionPolicy) error
		want      string
		stale     bool
	}{
		"nothing happened meanwhile": {want: pamv1alpha1.ReasonLocked},
		"the author wrote a new spec": {
			meanwhile: func(ctx context.Context, c client.Client, p *pamv1alpha1.RDPConnectionPolicy) error {
				p.Spec.Suspend = new(true)
				return c.Update(ctx, p)
			},
			want: pamv1alpha1.ReasonLocked,
		},
		"an earlier reconcile wrote what the cache does not show yet": {
			meanwhile: func(ctx context.Context, c client.Client, p *pamv1alpha1.RDPConnectionPolicy) error {
				p.Status.Key = "k1"
				Done(pamv1alpha1.ReasonSynced, "as it should be").Apply(&p.Status.Conditions, p.Generation)
				return c.Status().Update(ctx, p)
			},
			want: pamv1alpha1.ReasonSynced, stale: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := pamv1alpha1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			policy := builder.RDPConnectionPolicy("a", builder.InNamespace("team"), builder.Connection("sps", ""))
			cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(policy).WithStatusSubresource(policy).Build()
			cached := read(t, cluster, policy)
			if c.meanwhile != nil {
				if err := c.meanwhile(t.Context(), cluster, read(t, cluster, policy)); err != nil {
					t.Fatal(err)
				}
			}
			w := StatusWriter{client: cluster, live: cluster, events: events.NewFakeRecorder(10)}
			out := Wait(pamv1alpha1.ReasonLocked, "another client holds it", DefaultLockedRetry)
			result, err := w.Save(t.Context(), cached.DeepCopy(), cached, out)
			if err != nil || result.RequeueAfter == 0 || (result.RequeueAfter < DefaultLockedRetry/2) != c.stale {
				t.Errorf("save: %v, %v", result, err)
			}
			if got := ReadyOf(read(t, cluster, policy)); got == nil || got.Reason != c.want {
				t.Errorf("Ready is %v, want %s", got, c.want)
			}
		})
	}
}

func read(t *testing.T, c client.Client, p *pamv1alpha1.RDPConnectionPolicy) *pamv1alpha1.RDPConnectionPolicy {
	t.Helper()
	out := &pamv1alpha1.RDPConnectionPolicy{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(p), out); err != nil {
		t.Fatal(err)
	}
	return out
}
