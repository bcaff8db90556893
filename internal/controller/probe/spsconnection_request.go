// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// wholeRead is what became of a request to reconcile a connection that works.
type wholeRead struct {
	// done says that everything was read, or that this was tried.
	done bool
	// after is when it is to be tried again, because the appliance has to be spared until then.
	after time.Duration
	// trouble is what the status says about a read that failed. The objects that need what was not read say more.
	trouble string
}

// readAgain reads the whole inventory of a connection again if that is requested.
func readAgain(
	ctx context.Context, inventory *appliance.Inventory, conn *pamv1alpha1.SPSConnection, request loop.ReconcileRequest,
) wholeRead {
	if !request.Open() {
		return wholeRead{}
	}
	after, err := inventory.ReadAllAgain(ctx, request.Seen)
	switch {
	case err != nil:
		request.Handle(conn)
		return wholeRead{done: true, trouble: "; its configuration could not be read again: " + err.Error()}
	case after > 0:
		return wholeRead{after: after}
	}
	request.Handle(conn)
	return wholeRead{done: true}
}
