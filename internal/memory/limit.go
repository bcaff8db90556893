// SPDX-License-Identifier: Apache-2.0

// Package memory sets how often garbage is collected.
package memory

import (
	"fmt"
	"runtime/debug"
	"strconv"
)

// gcPercent collects garbage earlier than Go's default: an operator is idle nearly all the time, and idling costs
// memory. GOGC overrides it.
const gcPercent = 50

// The share of a container's memory limit at which garbage collection becomes more frequent. The rest is for what Go
// does not count: the program itself, and the kernel's memory for its connections.
const heapTenths = 8

// Pace sets how often garbage is collected. It reads GOGC and GOMEMLIMIT, which Go applies itself and which take
// precedence, and MEMORY_LIMIT, the container's memory limit in bytes, from the environment.
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
		return fmt.Errorf("MEMORY_LIMIT: %q is not a number of bytes", limit)
	}
	debug.SetMemoryLimit(bytes / 10 * heapTenths)
	return nil
}
