// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"fmt"
	"testing"
)

// TestNamesShareBuckets shows why the index is a hash: one value for each object would take as much memory as the
// objects.
func TestNamesShareBuckets(t *testing.T) {
	t.Parallel()
	const names = 10_000
	buckets := map[string]int{}
	most := 0
	for i := range names {
		bucket := nameBucket(fmt.Sprintf("rdp-%05d", i))
		buckets[bucket]++
		most = max(most, buckets[bucket])
	}
	if len(buckets) > nameBuckets || most > 5*names/nameBuckets {
		t.Errorf("%d names are in %d buckets, %d in one of them", names, len(buckets), most)
	}
}
