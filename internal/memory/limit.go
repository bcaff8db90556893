// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"fmt"
	"runtime/debug"
	"strconv"
)

// gcPercent has garbage collected earlier than Go does by itself: an operator idles nearly always, and what it costs
// then is memory. GOGC overrides it.
const gcPercent = 50

// Of the memory that a container may have, what the heap may come near to before garbage is collected more often. The
// rest is for what Go does not count: the program itself, and what the kernel keeps for its connections.
const heapTenths = 8

// Pace sets how often garbage is collected. The environment is asked for GOGC and GOMEMLIMIT, which Go obeys by itself
// and which win, and for MEMORY_LIMIT, the most bytes that the container may have.
func Pace(environment func(string) string) error {
	if environment("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	limit := environment("MEMORY_LIMIT")
	if limit == "" || environment("GOMEMLIMIT") != "" {
		return nil
	}
	bytes, err := strconv.ParseInt(limit, 10, 64)
	if err != nil || bytes <= 0 {
		return fmt.Errorf("MEMORY_LIMIT: %q is no number of bytes", limit)
	}
	debug.SetMemoryLimit(bytes / 10 * heapTenths)
	return nil
}
