// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"
)

// verdict says whether a budget holds.
type verdict string

// Verdicts. A row without a budget is told for those who want to know why another one is as it is.
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

// told makes a row without a budget.
func (b *bench) told(what, format string, values ...any) row {
	return row{scenario: b.name, what: what, measured: fmt.Sprintf(format, values...)}
}

// broken stands for the rows that a scenario did not come to: a budget that could not be measured does not hold.
func (b *bench) broken(err error) row {
	cause, _, _ := strings.Cut(err.Error(), ";") // what follows is the end of a log
	return row{scenario: b.name, what: "the scenario to its end", measured: cause, verdict: missed}
}

// limit is what a measured value may be at most.
type limit[T int | float64 | time.Duration] struct {
	what     string
	measured T
	most     T
	show     func(T) string
	// detail is added to what was measured.
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

// share is a part of a budget; empty where the budget is nothing at all.
func share(measured, budget float64) string {
	if budget == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", measured/budget)
}

func number(n int) string { return fmt.Sprint(n) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mebibytes(bytes float64) string { return fmt.Sprintf("%.0f MiB", bytes/(1<<20)) }

// width is how many places a text takes on the screen.
func width(text string) int { return len([]rune(text)) }

func pad(text string, to int) string { return text + strings.Repeat(" ", max(0, to-width(text))) }
