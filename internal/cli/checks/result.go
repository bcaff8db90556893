// SPDX-License-Identifier: Apache-2.0

// Package checks finds out whether an installation works.
package checks

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// Outcome is what became of a check.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "Passed"
	Warning Outcome = "Warning"
	Failed  Outcome = "Failed"
)

// Result is a check that was made.
type Result struct {
	// Check is one word for programs.
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Message string  `json:"message"`
	// Advice says what to do; empty if there is nothing to do.
	Advice string `json:"advice,omitempty"`
}

// Results are all checks, in their order.
type Results []Result

// Document is what `kubectl pam check -o json` prints.
type Document struct {
	printer.Document `json:",inline"`
	Items            Results `json:"items"`
}

// Document returns the results.
func (r Results) Document() Document { return Document{printer.NewDocument("Check"), r} }

var marks = map[Outcome]printer.Mark{
	Passed: printer.MarkReady, Warning: printer.MarkUnknown, Failed: printer.MarkFailed,
}

// indent is that of advice.
const indent = 4

// Print writes what each has found, and the advice below.
func (r Results) Print(out io.Writer, s printer.Screen) {
	for _, result := range r {
		mark := marks[result.Outcome]
		for i, line := range s.WrapTo(s.Mark(mark, printer.Clean(result.Message)), s.Width-indent) {
			if i > 0 {
				line = strings.Repeat(" ", len("x ")) + line
			}
			fmt.Fprintln(out, s.Paint(mark, line))
		}
		for _, line := range s.WrapTo(printer.Clean(result.Advice), s.Width-indent) {
			fmt.Fprintln(out, strings.Repeat(" ", indent)+line)
		}
	}
}

// Subject is what is checked.
type Subject struct {
	*cluster.Client
	// Plugin is the plugin's version.
	Plugin string
	Now    time.Time
}

// check returns its results, or an error if the cluster cannot be asked.
type check func(context.Context, Subject) (Results, error)

// Run makes the checks of an installation, or those before one.
func Run(ctx context.Context, s Subject, pre bool) (Results, error) {
	all := []check{kubernetes, definitions, manager, admission, connections, rights}
	if pre {
		all = []check{kubernetes, mayInstall, earlier}
	}
	results := Results{}
	for _, each := range all {
		found, err := each(ctx, s)
		if err != nil {
			return nil, err
		}
		results = append(results, found...)
	}
	return results, nil
}

func passed(name, format string, values ...any) Results {
	return Results{{name, Passed, fmt.Sprintf(format, values...), ""}}
}

func warning(name, advice, format string, values ...any) Results {
	return Results{{name, Warning, fmt.Sprintf(format, values...), advice}}
}

func failed(name, advice, format string, values ...any) Results {
	return Results{{name, Failed, fmt.Sprintf(format, values...), advice}}
}
