// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"
)

// verdict is whether a budget holds.
type verdict string

// Verdicts. A row without a budget is there to explain another one.
const (
	holds    verdict = "yes"
	missed   verdict = "NO"
	noBudget verdict = ""
)

// row is one line of the table.
type row struct {
	scenario, what, budget, measured, ratio string
	verdict                                 verdict
}

// columns are the headings, in the order of cells.
var columns = []string{"scenario", "what", "budget", "measured", "ratio", "holds"}

func (r row) cells() []string {
	return []string{r.scenario, r.what, r.budget, r.measured, r.ratio, string(r.verdict)}
}

// unbudgeted creates a row without a budget.
func (b *bench) unbudgeted(what, format string, values ...any) row {
	return row{scenario: b.name, what: what, measured: fmt.Sprintf(format, values...)}
}

// broken stands for the rows that a scenario did not reach: a budget that could not be measured does not hold.
func (b *bench) broken(err error) row {
	cause, _, _ := strings.Cut(err.Error(), ";") // the rest is the end of a log
	return row{scenario: b.name, what: "the whole scenario", measured: cause, verdict: missed}
}

// limit is the maximum of a measured value.
type limit[T int | float64 | time.Duration] struct {
	what     string
	measured T
	most     T
	show     func(T) string
	// detail is appended to the measured value.
	detail string
}

func atMost[T int | float64 | time.Duration](b *bench, l limit[T]) row {
	r := row{
		scenario: b.name, what: l.what, budget: "≤ " + l.show(l.most), measured: l.show(l.measured), verdict: holds,
		ratio: share(float64(l.measured), float64(l.most)),
	}
	if l.measured > l.most {
		r.verdict = missed
	}
	if l.detail != "" {
		r.measured += " (" + l.detail + ")"
	}
	return r
}

// share is the measured part of a budget; empty if the budget is zero.
func share(measured, budget float64) string {
	if budget == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", measured/budget)
}

func number(n int) string { return fmt.Sprint(n) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mebibytes(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }

// width is how many columns a text takes on the screen.
func width(text string) int { return len([]rune(text)) }

func pad(text string, to int) string { return text + strings.Repeat(" ", max(0, to-width(text))) }
