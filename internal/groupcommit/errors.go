// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"errors"
	"fmt"
	"time"
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

// UntriedError answers a change that was not tried, because a commit with a change of the same object was refused
// before: it is to be committed alone, and its turn has not come.
type UntriedError struct {
	// After is when to come back.
	After time.Duration
	// Refusal is how the store refused the change together with others; nil if it was never sent.
	Refusal error
}

// Error begins with what the change waits for.
func (e *UntriedError) Error() string {
	if e.Refusal == nil {
		return "commits were refused because of such changes, so they are made one at a time, and this one waits for its turn"
	}
	return "refused together with other changes, and not yet tried alone: " + e.Refusal.Error()
}

// Unwrap returns the refusal.
func (e *UntriedError) Unwrap() error { return e.Refusal }
