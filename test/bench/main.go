// SPDX-License-Identifier: Apache-2.0

// Command bench measures the built manager on a real control plane and against simulated appliances. Every limit is
// measured in the same run, so that a slow machine is slow on both sides; memory is the exception. Run it by
// `make bench`, which builds what it needs.
//
// A run of all scenarios writes docs/benchmarks.md. The exit status is 1 if a limit does not hold, 2 after any other
// failure. A module of its own keeps the plotting library out of the operator's.
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
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// Exit statuses.
const (
	statusMissed = 1
	statusFailed = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(arguments []string, stdout, stderr io.Writer) int {
	ctrl.SetLogger(logr.Discard()) // the screen belongs to this command
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o, err := parse(arguments, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var r report
	if err == nil {
		r, err = measure(ctx, o, stdout)
	}
	if err == nil {
		err = r.publish(stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return statusFailed
	case r.missed() > 0:
		fmt.Fprintf(stderr, "bench: %d limits do not hold\n", r.missed())
		return statusMissed
	}
	return 0
}

// measure runs the selected scenarios.
func measure(ctx context.Context, o options, out io.Writer) (report, error) {
	r := report{options: o, load: loadAverage(), begun: time.Now()}
	r.Machine = append(describeMachine(ctx, o.root), fact{"Load average before the run", r.load})
	for _, s := range o.scenarios {
		b := newBench(o, s.name, out)
		b.say("%s (load average %s)", s.title, loadAverage())
		rows, err := b.within(ctx, s.run)
		r.Rows = append(r.Rows, rows...)
		if ctx.Err() != nil {
			return r, fmt.Errorf("%s: %w", s.name, err)
		}
		if err != nil { // the others are still worth measuring
			b.say("%v", err)
			r.Rows = append(r.Rows, b.broken(err))
		}
	}
	r.took = time.Since(r.begun)
	return r, nil
}
