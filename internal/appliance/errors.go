// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"errors"
	"time"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// IsReplaced reports whether a change was not made because its connection was replaced or the operator is stopping:
// start over.
func IsReplaced(err error) bool { return errors.Is(err, groupcommit.ErrClosed) }

// IsBaseMoved reports whether a change was not made because others kept changing the appliance during it.
func IsBaseMoved(err error) bool { return errors.Is(err, groupcommit.ErrBaseMoved) }

// IsUnconfirmed reports whether the appliance does not show what was committed; see UnconfirmedError.
func IsUnconfirmed(err error) bool {
	_, ok := errors.AsType[*UnconfirmedError](err)
	return ok
}

// IsOutcomeUnknown reports whether a change may or may not have been made: read before making it again. After any other
// error it was not made.
func IsOutcomeUnknown(err error) bool { return errors.Is(err, groupcommit.ErrOutcomeUnknown) }

// Untried reports whether a change was not tried, because it waits for its turn after a refusal, and when to come back
// with it.
func Untried(err error) (after time.Duration, is bool) {
	if untried, is := errors.AsType[*groupcommit.UntriedError](err); is {
		return untried.After, true
	}
	return 0, false
}
