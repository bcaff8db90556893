// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed benchmarks.md.tmpl
var documentText string

var document = template.Must(template.New("benchmarks").Parse(documentText))

// page is the data for the template of docs/benchmarks.md.
type page struct {
	Table, Verdict, WriteDelay, CommitDelay, Interval string
	Plain, Policies                                   int
	Sessions                                          sessionPage
	Facts                                             []fact
}

// sessionPage is the part of it about the scenario sessions.
type sessionPage struct {
	Count, Rate, Burst, Requests                       int
	Starting, Active, Fastest, Slowest, ScriptInterval string
}

func (o options) sessionPage() sessionPage {
	return sessionPage{
		Count: o.sessions, Rate: o.sessionRate, Burst: o.burst, Requests: o.requests, Starting: o.starting.String(),
		Active: o.active.String(), Fastest: quickestStart(o.provisioning).String(), Slowest: o.provisioning.String(),
		ScriptInterval: o.scriptInterval.String(),
	}
}

// markdown renders docs/benchmarks.md.
func (r report) markdown() []byte {
	verdict := "All budgets hold."
	if n := len(r.missed()); n > 0 {
		verdict = fmt.Sprintf("**%d budgets do not hold**; they are marked NO.", n)
	}
	var text strings.Builder
	// Neither the template nor a strings.Builder fails with these values.
	_ = document.Execute(&text, page{
		Table: markdownTable(r.rows), Verdict: verdict, WriteDelay: r.writeDelay.String(),
		CommitDelay: r.commitDelay.String(), Interval: r.interval.String(), Plain: r.plain, Policies: r.policies,
		Facts: r.facts(), Sessions: r.sessionPage(),
	})
	return []byte(text.String())
}

func markdownTable(rows []row) string {
	var text strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | "))
	}
	line(append([]string{}, columns...))
	fmt.Fprintln(&text, strings.Repeat("|---", len(columns))+"|")
	for _, r := range rows {
		line(r.cells())
	}
	return text.String()
}
