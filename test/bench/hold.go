// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// hold is one transaction: how long the configuration was locked, and how many writes it held.
type hold struct {
	took   time.Duration
	writes int
}

// least is the time that the appliance itself needs.
func (h hold) least(o options) time.Duration {
	return time.Duration(h.writes)*o.writeDelay + o.commitDelay
}

// holdsOf joins the appliance's measurements with the requests it received.
func holdsOf(times []time.Duration, calls []fault.Call) ([]hold, error) {
	counts := writesOfTransactions(calls)
	if len(counts) != len(times) {
		return nil, fmt.Errorf("%d transactions ended, but %d were recorded", len(times), len(counts))
	}
	out := make([]hold, 0, len(times))
	for i, took := range times {
		out = append(out, hold{took, counts[i]})
	}
	return out, nil
}

// overhead is the part of a time budget beyond what the appliance needs: for round trips and scheduling.
const overhead = 1.25

// holdRows measure the lock during a run.
func (b *bench) holdRows(holds []hold) []row {
	shares, times := make([]float64, 0, len(holds)), make([]time.Duration, 0, len(holds))
	for _, h := range holds {
		shares, times = append(shares, h.took.Seconds()/h.least(b.options).Seconds()), append(times, h.took)
	}
	return []row{
		atMost(b, limit[float64]{
			what: "lock held, p99 of (held / (writes of the batch + 1 commit))", measured: quantile(shares, 0.99),
			most: overhead, show: func(x float64) string { return fmt.Sprintf("%.3f", x) },
		}),
		b.unbudgeted("lock held, p50 / p99 / max", "%s / %s / %s in %d transactions", seconds(quantile(times, 0.5)),
			seconds(quantile(times, 0.99)), seconds(quantile(times, 1)), len(times)),
	}
}

// longestHold compares with the bound of maxHold.
func (b *bench) longestHold(holds []hold, maxHold time.Duration) row {
	var longest time.Duration
	for _, h := range holds {
		longest = max(longest, h.took)
	}
	return atMost(b, limit[time.Duration]{
		what: "lock held, longest (maxHold " + maxHold.String() + " + 1 commit)", measured: longest,
		most: maxHold + b.commitDelay, show: func(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) },
	})
}
