// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"slices"
	"testing"

	"github.com/pam-operator/pam-operator/internal/nps"
)

func TestAStateHasAListUnlessItIsFinal(t *testing.T) {
	live := LiveStatuses()
	for _, status := range []nps.Status{
		nps.StatusApprovalRequired, nps.StatusPending, nps.StatusActive, nps.StatusCancelling, nps.StatusComplete,
		nps.StatusFailed, nps.StatusCancelled, nps.StatusApprovalDenied, nps.StatusApprovalFailed,
	} {
		listed := listOf(status) != ""
		if listed == status.Terminal() || listed != slices.Contains(live, status) {
			t.Errorf("%s: listed %t", status, listed)
		}
	}
	if listOf("Dreaming") != "" {
		t.Error("an unknown state has a list")
	}
}
