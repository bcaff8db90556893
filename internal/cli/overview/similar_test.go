// SPDX-License-Identifier: Apache-2.0

package overview

import "testing"

func TestHowFarNamesAreApart(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"sps-prod", "sps-prod"}: 0, {"sps-prd", "sps-prod"}: 1, {"sps-prdo", "sps-prod"}: 2, {"", "abc"}: 3,
		{"nps-prod", "sps-test"}: 5,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%v: %d, want %d", pair, got, want)
		}
	}
}
