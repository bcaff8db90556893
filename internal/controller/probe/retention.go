// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// needs describes the objects that need a connection.
type needs struct {
	count   int
	example types.NamespacedName
	// what they are, and what can be done about them.
	what, remedy string
}

// retain retains a connection, by the finalizer, while objects need it, though for no longer than the deletion deadline
// after its deletion. A connection that is not needed has no finalizer, so it can be deleted without a manager.
func retain(ctx context.Context, d loop.Deps, conn client.Object, need needs) (out retention, err error) {
	deleting, retained := conn.GetDeletionTimestamp() != nil, loop.HasFinalizer(conn)
	if deleting {
		out.remaining = d.DeletionDeadline - loop.DeletingFor(conn)
	}
	wanted := need.count > 0 && out.remaining >= 0
	switch {
	case wanted && !retained && !deleting: // the API server refuses new finalizers during a deletion
		return out, loop.PatchMetadata(ctx, d.Client, conn, func(o client.Object) {
			controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer)
		})
	case !wanted && retained:
		out.released = deleting
		return out, loop.PatchMetadata(ctx, d.Client, conn, func(o client.Object) {
			controllerutil.RemoveFinalizer(o, pamv1alpha1.Finalizer)
		})
	case wanted && retained && deleting:
		out.note = fmt.Sprintf(loop.DeletionWaits+" at most %s for %s (%d, such as %s): %s",
			d.DeletionDeadline, need.what, need.count, need.example, need.remedy)
	}
	return out, nil
}

// retention is whether and why a connection is retained.
type retention struct {
	// released says that the connection was being deleted and has been released.
	released bool
	// note says what the deletion waits for; empty if it does not wait.
	note string
	// remaining is how much longer it waits.
	remaining time.Duration
}

// apply adds the retention to the outcome of a reconcile.
func (r retention) apply(out loop.Outcome) loop.Outcome {
	if r.note == "" {
		return out
	}
	out.Message += "; " + r.note
	until := max(r.remaining, loop.DeadlineRecheck)
	switch {
	case out.Err == nil:
		out.After = loop.Soonest(out.After, until)
	case until < loop.LastRetry: // a growing delay would miss it
		out.Err, out.After = nil, min(until, loop.UnseenRetry)
	}
	return out
}

// afterConflict turns an error of a metadata patch into a wait if another writer was faster, and into nothing if the
// object is gone.
func afterConflict(err error) (time.Duration, error) {
	if apierrors.IsConflict(err) {
		return loop.ErrStale.After, nil
	}
	return 0, client.IgnoreNotFound(err)
}
