// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// faultReport records which points were tried, and their outcomes.
type faultReport struct {
	mu      sync.Mutex
	results map[string]trialResult // by the point's name
}

func newFaultReport() *faultReport { return &faultReport{results: map[string]trialResult{}} }

func (r *faultReport) add(p point, result trialResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[p.String()] = result
}

// tell logs the map of all points, a line per request, and fails if too few were tried.
func (r *faultReport) tell(t *testing.T, points []point) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var (
		lines         strings.Builder
		tried, missed int
		line          string
		requests      = map[bool]map[string]bool{false: {}, true: {}} // of calls, of writes
	)
	for _, p := range points {
		result, done := r.results[p.String()]
		if !done { // deselected by -run, or failed
			continue
		}
		if here := p.course.name + ": " + p.moment.String(); here != line {
			line = here
			fmt.Fprintf(&lines, "\n%-75s", line)
		}
		if !result.struck {
			missed++
			fmt.Fprintf(&lines, " %s not met;", p.way.name)
			continue
		}
		tried++
		requests[p.moment.isCall()][line] = true
		fmt.Fprintf(&lines, " %s %.1fs, asked %d;", p.way.name, result.took.Round(time.Second/10).Seconds(), result.asked)
	}
	t.Logf("%d points: %d calls and %d writes x %d ways; %d points were not reached%s",
		tried, len(requests[true]), len(requests[false]), len(ways), missed, lines.String())
	if all := len(points) == len(r.results); all && tried < fewestPoints {
		t.Errorf("%d points were tried, want at least %d", tried, fewestPoints)
	}
}
