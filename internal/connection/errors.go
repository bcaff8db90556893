// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"fmt"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// NotReadyError says that a connection cannot be used now: it, its Secret or its CA is missing, or it is not ready
// itself. Whoever gets it waits; a watch wakes it.
type NotReadyError struct{ Message string }

// Error says what is missing and where.
func (e *NotReadyError) Error() string { return e.Message }

// MissingError is a NotReadyError whose connection object does not exist at all.
type MissingError struct{ NotReadyError }

// LostError is a NotReadyError of a connection that is going together with its namespace and whose Secret or CA has
// gone already: it can never be used again.
type LostError struct{ NotReadyError }

// Unwrap makes a LostError a NotReadyError, too.
func (e *LostError) Unwrap() error { return &e.NotReadyError }

// IsLost says that the connection can never be used again.
func IsLost(err error) bool {
	_, ok := errors.AsType[*LostError](err)
	return ok
}

// UntriedError is a NotReadyError of a connection that has just been made or changed.
type UntriedError struct{ NotReadyError }

// Unwrap makes an UntriedError a NotReadyError, too.
func (e *UntriedError) Unwrap() error { return &e.NotReadyError }

// Unwrap makes a MissingError a NotReadyError, too.
func (e *MissingError) Unwrap() error { return &e.NotReadyError }

// NotPermittedError says that the connection's owner does not allow what was asked for.
type NotPermittedError struct{ Message string }

// Error says which rule refuses, and who can change it.
func (e *NotPermittedError) Error() string { return e.Message }

// KeptError says that the connection's owner allows the object, and does not allow it to be deleted on the appliance.
type KeptError struct{ Message string }

// Error says which rule refuses, and who can change it.
func (e *KeptError) Error() string { return e.Message }

// IsKept says that the object is to be left on the appliance.
func IsKept(err error) bool {
	_, ok := errors.AsType[*KeptError](err)
	return ok
}

// InvalidError says that the connection or its Secret holds something that cannot be used.
type InvalidError struct{ Message string }

// Error says what is wrong and where.
func (e *InvalidError) Error() string { return e.Message }

// TroubleError says that a server's sessions cannot be looked at. Whoever gets it is told when they can be again.
type TroubleError struct{ Err error }

// Error is what the last look came to.
func (e *TroubleError) Error() string { return e.Err.Error() }

// Unwrap returns what the last look came to.
func (e *TroubleError) Unwrap() error { return e.Err }

// IsTrouble says that whoever gets the error is told when it is over.
func IsTrouble(err error) bool {
	_, ok := errors.AsType[*TroubleError](err)
	return ok
}

// IsNotReady says that the connection cannot be used now.
func IsNotReady(err error) bool {
	_, ok := errors.AsType[*NotReadyError](err)
	return ok
}

// IsMissing says that the connection object does not exist.
func IsMissing(err error) bool {
	_, ok := errors.AsType[*MissingError](err)
	return ok
}

// IsUntried says that the connection is about to be tried.
func IsUntried(err error) bool {
	_, ok := errors.AsType[*UntriedError](err)
	return ok
}

// IsNotPermitted says that the connection's owner does not allow it.
func IsNotPermitted(err error) bool {
	_, ok := errors.AsType[*NotPermittedError](err)
	return ok
}

// IsInvalid says that the connection or its Secret has to be changed.
func IsInvalid(err error) bool {
	_, ok := errors.AsType[*InvalidError](err)
	return ok
}

// IsReplaced says that a change was not made because its connection was replaced or the operator stops: start over.
func IsReplaced(err error) bool { return errors.Is(err, groupcommit.ErrClosed) }

// IsBaseMoved says that others kept changing the appliance under a change, which was not made.
func IsBaseMoved(err error) bool { return errors.Is(err, groupcommit.ErrBaseMoved) }

// IsUnconfirmed says that the appliance does not show what was committed; see UnconfirmedError.
func IsUnconfirmed(err error) bool {
	_, ok := errors.AsType[*UnconfirmedError](err)
	return ok
}

// IsOutcomeUnknown says that a change may have been made or not: look before making it again. After any other error it
// was not made.
func IsOutcomeUnknown(err error) bool { return errors.Is(err, groupcommit.ErrOutcomeUnknown) }

func notReady(format string, args ...any) error { return &NotReadyError{fmt.Sprintf(format, args...)} }

func missing(format string, args ...any) error {
	return &MissingError{NotReadyError{fmt.Sprintf(format, args...)}}
}

func notPermitted(format string, args ...any) error {
	return &NotPermittedError{fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }
