// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestAChangeThatWaitsForItsTransactionHoldsNoBodies(t *testing.T) {
	t.Parallel()
	body := sps.Body{"name": "x"}
	seen := observation{
		current: sps.Object{Key: "k", Body: body}, managed: body, complete: body, members: []string{"m"}, ours: true,
		drift: []sps.Difference{{Path: "name", Desired: `"x"`, Actual: `"a long value"`}},
	}
	left := seen.withoutBodies()
	if left.current.Body != nil || left.managed != nil || left.complete != nil || left.members != nil {
		t.Errorf("it holds %+v", left)
	}
	if diff := cmp.Diff([]sps.Difference{{Path: "name"}}, left.drift); diff != "" {
		t.Errorf("what the audit trail says of it: %s", diff)
	}
	if !left.exists() || !left.ours || !left.different() || len(seen.drift[0].Actual) == 0 {
		t.Errorf("it is another one: %+v", left)
	}
}
