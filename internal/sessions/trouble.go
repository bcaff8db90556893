// SPDX-License-Identifier: Apache-2.0

package sessions

import "errors"

// TroubleError says that the sessions of a server cannot be read. Its recipients are notified when they can be again.
type TroubleError struct{ Err error }

// Error is the error of the last round.
func (e *TroubleError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the last round.
func (e *TroubleError) Unwrap() error { return e.Err }

// IsTrouble reports whether the recipient of the error is notified when it is over.
func IsTrouble(err error) bool {
	_, ok := errors.AsType[*TroubleError](err)
	return ok
}
