// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

// impatience is within which a second Ctrl-C ends CMD for good: programs such as psql use the first for themselves.
const impatience = 2 * time.Second

// listen has the signals delivered that would end this process, until stop is called. One that is ignored, as nohup
// does with SIGHUP, stays so. A broken pipe must not end the process, because it then could not end the session.
//
// A context that ends otherwise is taken for SIGTERM.
func listen(ctx context.Context) (signals <-chan os.Signal, stop func()) {
	received, pipe := make(chan os.Signal, 8), make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signal.Notify(received, s)
		}
	}
	signal.Notify(pipe, syscall.SIGPIPE)
	unbind := context.AfterFunc(ctx, func() {
		if !frame.IsInterruption(context.Cause(ctx)) {
			received <- syscall.SIGTERM
		}
	})
	return received, func() {
		unbind()
		signal.Stop(received)
		signal.Stop(pipe)
	}
}

// reaction is what a signal leads to while CMD runs.
type reaction struct {
	// forward says that CMD gets the signal, and terminate that it has to end.
	forward, terminate bool
}

// reactions decides about signals.
type reactions struct{ interrupted time.Time }

// to decides about one. What the terminal sends, it sends to CMD as well.
func (r *reactions) to(s os.Signal, fromTerminal bool, now time.Time) reaction {
	switch s {
	case os.Interrupt:
		again := !r.interrupted.IsZero() && now.Sub(r.interrupted) < impatience
		r.interrupted = now
		return reaction{forward: !fromTerminal, terminate: again}
	case syscall.SIGQUIT:
		return reaction{forward: !fromTerminal}
	}
	return reaction{forward: true, terminate: true}
}
