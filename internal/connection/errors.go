// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"fmt"
)

// NotReadyError means that a connection cannot be used now: it, its Secret or its CA is missing, or it is not Ready.
// Wait for it; a watch reports the change.
type NotReadyError struct{ Message string }

// Error says what is missing and where.
func (e *NotReadyError) Error() string { return e.Message }

// MissingError is a NotReadyError of a connection object that does not exist.
type MissingError struct{ NotReadyError }

// LostError is a NotReadyError of a connection that is being deleted together with its namespace, and whose Secret or
// CA has already gone: it can never be used again.
type LostError struct{ NotReadyError }

// Unwrap makes a LostError a NotReadyError, too.
func (e *LostError) Unwrap() error { return &e.NotReadyError }

// IsLost reports whether the connection can never be used again.
func IsLost(err error) bool {
	_, ok := errors.AsType[*LostError](err)
	return ok
}

// UntriedError is a NotReadyError of a connection that has just been created or changed.
type UntriedError struct{ NotReadyError }

// Unwrap makes an UntriedError a NotReadyError, too.
func (e *UntriedError) Unwrap() error { return &e.NotReadyError }

// Unwrap makes a MissingError a NotReadyError, too.
func (e *MissingError) Unwrap() error { return &e.NotReadyError }

// NotPermittedError means that the connection's owner does not allow the request.
type NotPermittedError struct{ Message string }

// Error says which rule refuses, and who can change it.
func (e *NotPermittedError) Error() string { return e.Message }

// DeletionNotPermittedError means that the connection's owner allows the object, but not its deletion on the appliance.
type DeletionNotPermittedError struct{ Message string }

// Error says which rule refuses, and who can change it.
func (e *DeletionNotPermittedError) Error() string { return e.Message }

// IsDeletionNotPermitted reports whether the object has to be left on the appliance.
func IsDeletionNotPermitted(err error) bool {
	_, ok := errors.AsType[*DeletionNotPermittedError](err)
	return ok
}

// InvalidError means that the connection or its Secret contains something unusable.
type InvalidError struct{ Message string }

// Error says what is wrong and where.
func (e *InvalidError) Error() string { return e.Message }

// IsNotReady reports whether the connection cannot be used now.
func IsNotReady(err error) bool {
	_, ok := errors.AsType[*NotReadyError](err)
	return ok
}

// IsMissing reports whether the connection object does not exist.
func IsMissing(err error) bool {
	_, ok := errors.AsType[*MissingError](err)
	return ok
}

// IsUntried reports whether the connection has not been probed yet.
func IsUntried(err error) bool {
	_, ok := errors.AsType[*UntriedError](err)
	return ok
}

// IsNotPermitted reports whether the connection's owner does not allow the request.
func IsNotPermitted(err error) bool {
	_, ok := errors.AsType[*NotPermittedError](err)
	return ok
}

// IsInvalid reports whether the connection or its Secret has to be changed.
func IsInvalid(err error) bool {
	_, ok := errors.AsType[*InvalidError](err)
	return ok
}

func notReady(format string, args ...any) error { return &NotReadyError{fmt.Sprintf(format, args...)} }

func missing(format string, args ...any) error {
	return &MissingError{NotReadyError{fmt.Sprintf(format, args...)}}
}

func notPermitted(format string, args ...any) error {
	return &NotPermittedError{fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }
