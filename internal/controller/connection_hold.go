// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// needs is who needs a connection.
type needs struct {
	count   int
	example types.NamespacedName
	// what they are, and what can be done about them.
	what, remedy string
}

// keep holds a connection, by the finalizer, while somebody needs it, but for no longer than the deletion deadline
// after its deletion. Nothing holds a connection that nobody needs: it can be deleted without a manager.
func (d deps) keep(ctx context.Context, conn client.Object, need needs) (kept keeping, err error) {
	deleting, holds := conn.GetDeletionTimestamp() != nil, holdsFinalizer(conn)
	if deleting {
		kept.remaining = d.DeletionDeadline - deletingFor(conn)
	}
	wanted := need.count > 0 && kept.remaining >= 0
	switch {
	case wanted && !holds && !deleting: // nobody can add a finalizer to what is going
		return kept, patchMetadata(ctx, d.client, conn, func(o client.Object) {
			controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer)
		})
	case !wanted && holds:
		kept.gone = deleting
		return kept, patchMetadata(ctx, d.client, conn, func(o client.Object) {
			controllerutil.RemoveFinalizer(o, pamv1alpha1.Finalizer)
		})
	case wanted && holds && deleting:
		kept.note = fmt.Sprintf(deletionWaits+", for %s at most, for %d %s, such as %s: %s",
			d.DeletionDeadline, need.count, need.what, need.example, need.remedy)
	}
	return kept, nil
}

// deletionWaits begins the note of a connection that is held.
const deletionWaits = "deletion waits"

// keeping is what became of holding a connection.
type keeping struct {
	// gone says that the connection was let go.
	gone bool
	// note says what the deletion waits for; empty if it does not.
	note string
	// remaining is how much longer it waits.
	remaining time.Duration
}

// apply puts it beside what a pass came to.
func (k keeping) apply(out outcome) outcome {
	if k.note == "" {
		return out
	}
	out.message += "; " + k.note
	until := max(k.remaining, deadlineRecheck)
	switch {
	case out.err == nil:
		out.after = soonest(out.after, until)
	case until < lastRetry: // a growing delay would miss it
		out.err, out.after = nil, min(until, unseenRetry)
	}
	return out
}

// afterConflict makes an error of metadata a wait, if somebody else wrote it meanwhile or took the object away.
func afterConflict(err error) (time.Duration, error) {
	if apierrors.IsConflict(err) {
		return errStale.after, nil
	}
	return 0, client.IgnoreNotFound(err)
}
