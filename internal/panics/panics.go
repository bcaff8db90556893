// SPDX-License-Identifier: Apache-2.0

// Package panics makes an error of a panic, so that a fault of ours stops what it concerns and nothing else.
package panics

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Error is a recovered panic. The panic's value could hold a secret: unless it comes from the Go runtime, only its type
// is kept.
type Error struct {
	// Stack is the goroutine's stack at the panic, for the log.
	Stack []byte

	text string
}

// Error names the runtime's error, or the type of the value.
func (e *Error) Error() string { return e.text }

// Recovered is the error of a value that recover returned. Call it in the deferred function, for the sake of the stack.
func Recovered(value any) *Error {
	text := fmt.Sprintf("panic with a value of type %T", value)
	if err, ok := value.(runtime.Error); ok {
		text = "panic: " + err.Error()
	}
	return &Error{Stack: debug.Stack(), text: text}
}

// Catch is deferred, and sets err if the function panics.
func Catch(err *error) {
	if value := recover(); value != nil {
		*err = Recovered(value)
	}
}

// StackOf is the stack of the panic that an error comes from; nil if it comes from none.
func StackOf(err error) []byte {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Stack
	}
	return nil
}
