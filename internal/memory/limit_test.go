// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestPace runs alone, since it sets what the whole process obeys.
func TestPace(t *testing.T) { //nolint:paralleltest // see above
	const untouched = 123
	for name, c := range map[string]struct {
		environment map[string]string
		percent     int
		limit       int64
		fails       bool
	}{
		"nothing is said":           {percent: gcPercent, limit: math.MaxInt64},
		"the container has a limit": {environment: map[string]string{"MEMORY_LIMIT": "1000"}, percent: gcPercent, limit: 800},
		"GOGC wins":                 {environment: map[string]string{"GOGC": "100"}, percent: untouched, limit: math.MaxInt64},
		"a limit that is no number": {environment: map[string]string{"MEMORY_LIMIT": "1Gi"}, percent: gcPercent, limit: math.MaxInt64, fails: true},
		"a limit of nothing":        {environment: map[string]string{"MEMORY_LIMIT": "0"}, percent: gcPercent, limit: math.MaxInt64, fails: true},
		"GOMEMLIMIT wins":           {environment: map[string]string{"MEMORY_LIMIT": "1000", "GOMEMLIMIT": "1GiB"}, percent: gcPercent, limit: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			percent, limit := debug.SetGCPercent(untouched), debug.SetMemoryLimit(math.MaxInt64)
			err := Pace(func(variable string) string { return c.environment[variable] })
			gotPercent, gotLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
			if (err != nil) != c.fails || gotPercent != c.percent || gotLimit != c.limit {
				t.Errorf("%v, %d %%, %d bytes", err, gotPercent, gotLimit)
			}
		})
	}
}
