// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// row is one line of the table: a measured value and the most that it may be.
type row struct {
	Scenario, What, Measured, Limit string
	// Share is the measured part of the limit; more than 1 is too much.
	Share float64
}

// Holds reports whether the limit holds, as the table spells it.
func (r row) Holds() string {
	if r.Share > 1 || math.IsNaN(r.Share) {
		return "NO"
	}
	return "yes"
}

// judge creates a row. The basis explains where the limit comes from, the detail what was measured.
func (b *bench) judge(what string, measured, limit float64, show func(float64) string, basis, detail string) row {
	r := row{
		Scenario: b.name, What: what, Share: measured / limit,
		Measured: show(measured) + brackets(detail), Limit: show(limit) + brackets(basis),
	}
	if limit == 0 {
		r.Share = 0
		if measured > 0 {
			r.Share = math.Inf(1)
		}
	}
	b.say("%s: %s; limit %s: %s", r.What, r.Measured, r.Limit, r.Holds())
	return r
}

// jitter is by how much two measurements of the same thing differ on a machine with other work.
const jitter = 50 * time.Millisecond

// times compares a time with that of the same thing alone, in the same run.
func (b *bench) times(what string, measured, alone time.Duration, factor float64) row {
	return b.judge(what, measured.Seconds(), factor*alone.Seconds()+jitter.Seconds(), inSeconds,
		fmt.Sprintf("%g × %s", factor, seconds(alone)), fmt.Sprintf("%.2f ×", measured.Seconds()/alone.Seconds()))
}

// broken stands for the rows that a scenario did not reach.
func (b *bench) broken(err error) row {
	cause, _, _ := strings.Cut(err.Error(), "\n") // the rest is the end of a log
	return row{Scenario: b.name, What: "the rest of the scenario", Measured: cause, Share: math.NaN()}
}

func brackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func inSeconds(s float64) string { return fmt.Sprintf("%.2f s", s) }

func seconds(d time.Duration) string { return inSeconds(d.Seconds()) }

func plain(x float64) string { return fmt.Sprintf("%.4g", x) }

func mebibytes(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }

// quantile is the smallest value that at least the share q of all values do not exceed. For no values it is zero.
func quantile[T cmp.Ordered](values []T, q float64) T {
	if len(values) == 0 {
		var zero T
		return zero
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func median(values []time.Duration) time.Duration { return quantile(values, 0.5) }
