// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestPace runs alone, because it changes settings of the whole process.
func TestPace(t *testing.T) { //nolint:paralleltest // see above
	const untouched, unlimited = 123, math.MaxInt64
	type environment map[string]string
	for name, c := range map[string]struct {
		environment environment
		percent     int
		limit       int64
		fails       bool
	}{
		"nothing is said":           {nil, gcPercent, unlimited, false},
		"the container has a limit": {environment{"MEMORY_LIMIT": "1000"}, gcPercent, 800, false},
		"GOGC wins":                 {environment{"GOGC": "100"}, untouched, unlimited, false},
		"GOMEMLIMIT wins":           {environment{"MEMORY_LIMIT": "1000", "GOMEMLIMIT": "1GiB"}, gcPercent, unlimited, false},
		"a limit that is no number": {environment{"MEMORY_LIMIT": "1Gi"}, gcPercent, unlimited, true},
		"a limit of nothing":        {environment{"MEMORY_LIMIT": "0"}, gcPercent, unlimited, true},
	} {
		t.Run(name, func(t *testing.T) {
			percent, limit := debug.SetGCPercent(untouched), debug.SetMemoryLimit(unlimited)
			err := Pace(func(variable string) string { return c.environment[variable] })
			gotPercent, gotLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
			if (err != nil) != c.fails || gotPercent != c.percent || gotLimit != c.limit {
				t.Errorf("%v, %d %%, %d bytes", err, gotPercent, gotLimit)
			}
		})
	}
}
