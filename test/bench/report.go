// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// report is the result of a run.
type report struct {
	options
	machine
	measurements
	rows []row
}

// missed are the rows whose budget is exceeded or not measured.
func (r report) missed() []row {
	var out []row
	for _, row := range r.rows {
		if row.verdict == missed {
			out = append(out, row)
		}
	}
	return out
}

// publish prints the table. A full run also writes it to docs/, where other sizes must not be mixed in.
func (r report) publish(o options, out io.Writer) error {
	fmt.Fprintln(out)
	writeTable(out, r.rows)
	fmt.Fprintln(out)
	if !o.full {
		fmt.Fprintln(out, "docs/benchmarks.md is unchanged: only a run of all scenarios at their standard sizes writes it.")
		return nil
	}
	docs := filepath.Join(o.root, "docs")
	//nolint:gosec // G306: documentation, world-readable
	if err := os.WriteFile(filepath.Join(docs, "benchmarks.md"), r.markdown(), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(out, "written: docs/benchmarks.md")
	for _, p := range []struct {
		name     string
		measured bool // false if a scenario failed
		draw     func(file string) error
	}{
		{"benchmarks.svg", len(r.holds) > 0 && r.oursEach > 0 && r.plainEach > 0, r.draw},
		{"benchmarks-sessions.svg", len(r.oursWaits) > 0 && len(r.scriptWaits) > 0, r.drawSessions},
	} {
		if !p.measured {
			fmt.Fprintf(out, "docs/%s is unchanged: its data was not measured.\n", p.name)
			continue
		}
		if err := p.draw(filepath.Join(docs, p.name)); err != nil {
			return err
		}
		fmt.Fprintf(out, "written: docs/%s\n", p.name)
	}
	return nil
}
