// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"cmp"
	"time"

	"github.com/pam-operator/pam-operator/internal/connection"
)

// Defaults of Options.
const (
	// DefaultBlockedDeletionDeadline leaves somebody a day to act.
	DefaultBlockedDeletionDeadline = 24 * time.Hour
	// DefaultTerminationPatience covers a session that ends slowly.
	DefaultTerminationPatience = time.Minute
	// DefaultLockedRetry suits a lock held by a person at the appliance's web page, which may last for minutes.
	DefaultLockedRetry = 15 * time.Second
	// DefaultSecondLook gives a server time to list a session that it did not find (docs/vendors/nps.md 13 Q10).
	DefaultSecondLook = 5 * time.Second
	// DefaultRequestPause is short for a person who asks twice, and long for a loop.
	DefaultRequestPause = 5 * time.Second
	// DefaultRecoveryWindow is long because the client gives up after 30 s, the server may take as long again to finish
	// what it has begun, and its lists may lag.
	DefaultRecoveryWindow = time.Minute
)

// WithDefaults returns the options with the default in place of each zero that stands for one.
func (o Options) WithDefaults() Options {
	o.BlockedDeletionDeadline = cmp.Or(o.BlockedDeletionDeadline, DefaultBlockedDeletionDeadline)
	o.TerminationPatience = cmp.Or(o.TerminationPatience, DefaultTerminationPatience)
	o.LockedRetry = cmp.Or(o.LockedRetry, DefaultLockedRetry)
	o.RequestPause = cmp.Or(o.RequestPause, DefaultRequestPause)
	o.SecondLook = cmp.Or(o.SecondLook, DefaultSecondLook)
	o.RecoveryWindow = cmp.Or(o.RecoveryWindow, DefaultRecoveryWindow)
	o.AnswerMemory = cmp.Or(o.AnswerMemory, connection.DefaultAnswerMemory)
	return o
}
