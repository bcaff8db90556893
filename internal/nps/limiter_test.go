// SPDX-License-Identifier: Apache-2.0

package nps

import "testing"

func TestWhatAnUrgentPassDoesBesidesTakesNoPrecedence(t *testing.T) {
	ctx := OnBehalfOf(t.Context(), "team-a")
	if IsUrgent(ctx) || !IsUrgent(Urgent(ctx)) || IsUrgent(Unhurried(Urgent(ctx))) {
		t.Error("the innermost context does not decide")
	}
	if TenantOf(Unhurried(Urgent(ctx))) != "team-a" || TenantOf(t.Context()) != "" {
		t.Error("whose calls they are is lost")
	}
}
