// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Exit codes. `kubectl pam help exit-codes` explains them.
const (
	// ExitOK is "yes", "done" or "no difference".
	ExitOK = 0
	// ExitNo is an answer that is no: not ready, a difference, a session that failed.
	ExitNo = 1
	// ExitError means that the answer could not be found out.
	ExitError = 2
	// ExitTimeout means that --timeout passed.
	ExitTimeout = 124
	// ExitSignal is added to the number of the signal that interrupted the command.
	ExitSignal = 128
)

// ExitCodes is the text of `kubectl pam help exit-codes`, and part of docs/cli.md.
const ExitCodes = `Exit codes of every command but "session run":

  0    yes, done, or no difference
  1    the answer is no: not ready or stalled (with --wait or --exit-code), a difference (diff), an object that was
       refused (adopt), a session that failed or was denied, a check that failed
  2    it could not be found out: wrong usage, a missing right, not found, no answer from the API server, no operator
  124  --timeout passed
  130  interrupted (Ctrl-C); 143 terminated

Exit codes of "session run":

  124  no session within --timeout
  125  the session was refused or denied, has failed, ended before the command, or could not be ended
  126  the command cannot be executed
  127  the command is not there
  else that of the command; 128+n if signal n ended it
`

// codeError is an error with an exit code of its own.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *codeError) Unwrap() error { return e.err }

// Coded is an error with an exit code of its own.
type Coded interface {
	error
	// ExitCode is that code.
	ExitCode() int
}

// ExitCode is the code that the command ends with.
func (e *codeError) ExitCode() int { return e.code }

// Exit ends the command with a code. An error that is not nil is printed.
func Exit(code int, err error) error { return &codeError{code, err} }

// No ends the command with the answer no. What there is to say has been printed.
func No() error { return Exit(ExitNo, nil) }

// Nof ends the command with the answer no, and says why.
func Nof(format string, values ...any) error { return Exit(ExitNo, fmt.Errorf(format, values...)) }

// errTimeout is the cause of a context that ends with --timeout.
var errTimeout = errors.New("the time limit passed")

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

// Interrupted is the cause to cancel a context with when a signal arrives.
func Interrupted(signal os.Signal) error { return interrupted{signal} }

// IsInterruption reports whether an error is that of a signal.
func IsInterruption(err error) bool {
	var stop interrupted
	return errors.As(err, &stop)
}

// IsTimeout reports whether an error is that of --timeout.
func IsTimeout(err error) bool { return errors.Is(err, errTimeout) }

// WithTimeout limits a command by --timeout. Zero is no limit.
func WithTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, errTimeout)
}

// Cause is the reason why a context ended, if it did, instead of an error that this caused and that does not name it.
func Cause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return cause
	}
	return err
}

// Code is the exit code for what a command returned, and what there is to print of it.
func Code(ctx context.Context, err error) (code int, message error) {
	var with *codeError
	var stop interrupted
	switch {
	case err == nil:
		return ExitOK, nil
	case errors.As(err, &with):
		return with.code, with.err
	case errors.As(context.Cause(ctx), &stop), errors.As(err, &stop):
		return ExitSignal + number(stop.signal), errors.New("interrupted")
	case errors.Is(err, errTimeout):
		return ExitTimeout, err
	}
	return ExitError, err
}

func number(signal os.Signal) int {
	if s, is := signal.(syscall.Signal); is {
		return int(s)
	}
	return int(syscall.SIGINT)
}
