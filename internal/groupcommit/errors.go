// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed answers a change that came after Close, or that Close did not wait for.
	ErrClosed = errors.New("group commit is closed")
	// ErrOutcomeUnknown means that the change may or may not be in the store: look before making it again.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrBaseMoved means that the store kept changing under the batch. Nothing was committed; try again later.
	ErrBaseMoved = errors.New("the store changed during every attempt")
)

func outcomeUnknown(cause error) error {
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
}
