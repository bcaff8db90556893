// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

var (
	// ErrClosed is the answer to a change that came after Close, or that Close did not wait for.
	ErrClosed = errors.New("group commit is closed")
	// ErrOutcomeUnknown says that the change may be in the store or not: look before doing it again.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrBaseMoved says that others kept changing the store under the batch. Nothing was committed; try again later.
	ErrBaseMoved = errors.New("the store changed during every attempt")
)

func outcomeUnknown(cause error) error {
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
}

// PanicError is a panic of a Change, a Store or a Tx. The panic's value could hold a secret: unless it comes from the
// Go runtime, only its type is kept.
type PanicError struct {
	// Stack is the goroutine's stack at the panic, for the log.
	Stack []byte

	text string
}

func newPanicError(value any) *PanicError {
	text := fmt.Sprintf("panic with a value of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		text = "panic: " + err.Error()
	}
	return &PanicError{Stack: debug.Stack(), text: text}
}

// Error names the runtime's error, or the type of the value.
func (e *PanicError) Error() string { return e.text }
