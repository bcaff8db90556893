// SPDX-License-Identifier: Apache-2.0

// Command bench measures the operator against its budgets: the built manager as a process of its own, with the rights
// of its generated role, on a real control plane and against simulated appliances, compared with the procedure in the
// vendor's documentation. Run it from the root of the repository, preferably by `make bench`, which builds what it
// needs.
//
// A scenario is one file and one line in the list scenarios. Its rows go into a table on the screen and, after a full
// run, into docs/benchmarks.md. The exit status is 1 if a budget is exceeded, 2 if one could not be measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// Exit statuses.
const (
	statusMissed = 1
	statusFailed = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(arguments []string, stdout, stderr io.Writer) int {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard))) // the screen belongs to this command
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var result report
	if err == nil {
		result, err = measure(ctx, o, stdout)
	}
	if err == nil {
		err = result.publish(o, stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return statusFailed
	case len(result.missed()) > 0:
		fmt.Fprintf(stderr, "bench: %d budgets do not hold\n", len(result.missed()))
		return statusMissed
	}
	return 0
}

// measure runs the selected scenarios, each on a control plane of its own.
func measure(ctx context.Context, o options, out io.Writer) (report, error) {
	result := report{options: o, machine: describeMachine(ctx, o.root)}
	for _, s := range o.scenarios {
		b := &bench{options: o, progress: newProgress(out, s.name), measurements: &result.measurements}
		b.say("%s (load average of the machine: %s)", s.title, loadAverage())
		rows, err := b.within(ctx, s)
		result.rows = append(result.rows, rows...)
		switch {
		case ctx.Err() != nil:
			return result, fmt.Errorf("%s: %w", s.name, err)
		case err != nil: // the others are still worth measuring
			b.say("%v", err)
			result.rows = append(result.rows, b.broken(err))
		}
	}
	return result, nil
}
