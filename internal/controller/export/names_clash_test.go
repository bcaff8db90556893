// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"testing"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// TestNamesThatAllClashAreNumbered has names that differ only in what Kubernetes does not allow, as an appliance could
// invent by the hundred thousand. With a search for the next number from the start for each, it would not end.
func TestNamesThatAllClashAreNumbered(t *testing.T) {
	t.Parallel()
	const count = 100_000
	records := make([]sps.Record, count)
	for i := range records {
		name := []byte{'a'}
		for bit := range 17 {
			name = append(name, "?!"[i>>bit&1])
		}
		records[i] = sps.Record{Key: fmt.Sprint(i), Name: string(name)}
	}
	taken := map[string]bool{}
	for key, name := range (existing{taken: map[string]bool{"a-3": true}}).name(policies, records) {
		if taken[name] || name == "a-3" {
			t.Fatalf("%s of %s is taken", name, key)
		}
		taken[name] = true
	}
	if len(taken) != count || !taken["a"] || !taken["a-2"] || !taken[fmt.Sprint("a-", count+1)] {
		t.Errorf("%d names", len(taken))
	}
}
