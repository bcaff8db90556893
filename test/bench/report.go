// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"
)

//go:embed benchmarks.md.tmpl
var pageText string

var document = template.Must(template.New("benchmarks").Funcs(template.FuncMap{
	"cell": func(text string) string { return strings.ReplaceAll(text, "|", `\|`) },
}).Parse(pageText))

// report is the result of a run; the exported fields and methods are for the template.
type report struct {
	options
	Machine []fact
	Rows    []row
	load    string // average before the run
	begun   time.Time
	took    time.Duration
}

// missed is the number of limits that do not hold or were not measured.
func (r report) missed() (n int) {
	for _, row := range r.Rows {
		if row.Holds() != "yes" {
			n++
		}
	}
	return n
}

// Verdict sums the table up.
func (r report) Verdict() string {
	if r.missed() == 0 {
		return "All limits hold."
	}
	return fmt.Sprintf("**%d limits do not hold**; they are marked NO.", r.missed())
}

// Took is how long the run took.
func (r report) Took() string { return fmt.Sprintf("%.0f minutes", r.took.Minutes()) }

// Busy reports whether the machine had other work before the run.
func (r report) Busy() bool {
	load, err := strconv.ParseFloat(r.load, 64)
	return err == nil && load > float64(runtime.NumCPU())/2
}

// Scale is the factor of all numbers of objects.
func (r report) Scale() float64 { return r.scale }

// publish prints the table. A run of all scenarios also writes it to docs/.
func (r report) publish(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nscenario\twhat\tmeasured\tlimit\tshare\tholds")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.2f\t%s\n",
			row.Scenario, row.What, row.Measured, row.Limit, row.Share, row.Holds())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s The run took %s.\n", r.Verdict(), r.took.Round(time.Second))
	if !r.all {
		return nil
	}
	var text strings.Builder
	if err := document.Execute(&text, r); err != nil {
		return err
	}
	docs := filepath.Join(r.root, "docs")
	//nolint:gosec // G306: documentation, world-readable
	if err := os.WriteFile(filepath.Join(docs, "benchmarks.md"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	return draw(r.Rows, filepath.Join(docs, "benchmarks.svg"))
}
