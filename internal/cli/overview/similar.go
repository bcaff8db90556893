// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"context"
	"slices"
	"strings"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// slips is by how many letters a name may differ from what was meant.
const slips = 2

// similar are the connections whose names may have been meant, among those that the caller may see.
func similar(ctx context.Context, c *cluster.Client, ref cluster.Ref) string {
	there, err := c.ListKinds(ctx, []kinds.Kind{ref.Kind}, ref.Namespace)
	if err != nil {
		return ""
	}
	var names []string
	for _, o := range there {
		if name := o.GetName(); distance(name, ref.Name) <= min(slips, len(ref.Name)/2) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "; similar names: " + strings.Join(names, ", ")
}

// distance is how many letters have to be changed, added or removed to make one name of another.
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	for j := range before {
		before[j] = j
	}
	for i := range len(a) {
		now := make([]int, 1, len(b)+1)
		now[0] = i + 1
		for j := range len(b) {
			change := before[j]
			if a[i] != b[j] {
				change++
			}
			now = append(now, min(change, before[j+1]+1, now[j]+1))
		}
		before = now
	}
	return before[len(b)]
}
