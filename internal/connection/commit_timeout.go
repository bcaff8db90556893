// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// CommitTimeoutError says that a commit was not answered in time. It may have happened, or may happen yet.
type CommitTimeoutError struct {
	// Timeout is how long it was waited for.
	Timeout time.Duration
	Err     error
}

// Error names the setting, because commits that outlast it every time make everything be written twice.
func (e *CommitTimeoutError) Error() string {
	return fmt.Sprintf("the appliance did not answer the commit within %s, so its outcome is unknown; the appliance is "+
		"read again before anything else is written. If commits take longer here, raise spec.commit.timeout of the "+
		"connection", e.Timeout)
}

// Unwrap returns the call that was not answered.
func (e *CommitTimeoutError) Unwrap() error { return e.Err }

// IsCommitTimeout says that a commit was not answered in time.
func IsCommitTimeout(err error) bool {
	_, ok := errors.AsType[*CommitTimeoutError](err)
	return ok
}

// explain names the setting behind a commit that was given up.
func (a *Appliance) explain(err error) error {
	if !rest.IsTimeout(err) || !rest.IsOutcomeUnknown(err) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	timeout := cmp.Or(duration(a.settings.Timeout), sps.DefaultCommitTimeout)
	return &CommitTimeoutError{Timeout: timeout, Err: err}
}
