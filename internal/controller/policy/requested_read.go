// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"time"

	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// requestedRead is what became of a request to reconcile in one pass.
type requestedRead struct {
	loop.ReconcileRequest

	// done says that the inventory shows the object as it was read after the request.
	done bool
	// after is when the request is to be tried again, because the appliance has to be spared until then.
	after time.Duration
}

// read has the inventory read an object again if that is requested.
func (q *requestedRead) read(
	ctx context.Context, inventory *appliance.Inventory, collection sps.Collection, key string,
) error {
	if !q.Open() {
		return nil
	}
	after, err := inventory.ReadAgain(ctx, collection, key, q.Seen)
	q.done, q.after = err == nil && after == 0, after
	return err
}

// answer records that the request was handled: the object was read, or somebody has to act before it is. Any other
// request stays open for a later pass.
func (q *requestedRead) answer(obj kinds.PolicyObject, out loop.Outcome) loop.Outcome {
	if q.done || out.State == loop.StateStalled {
		q.Handle(obj)
		return out
	}
	if out.Err == nil {
		out.After = loop.Soonest(out.After, q.after)
	}
	return out
}
