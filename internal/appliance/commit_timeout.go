// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// CommitTimeoutError means that a commit was not answered in time. It may have happened, or may still happen.
type CommitTimeoutError struct {
	// Timeout is how long the call waited.
	Timeout time.Duration
	Err     error
}

// Error names the setting, because commits that always exceed it cause every change to be written twice.
func (e *CommitTimeoutError) Error() string {
	return fmt.Sprintf("the appliance did not answer the commit within %s, so its outcome is unknown; the appliance is "+
		"read again before anything else is written. If commits take longer here, raise spec.commit.timeout of the "+
		"connection", e.Timeout)
}

// Unwrap returns the error of the unanswered call.
func (e *CommitTimeoutError) Unwrap() error { return e.Err }

// IsCommitTimeout reports whether a commit was not answered in time.
func IsCommitTimeout(err error) bool {
	_, ok := errors.AsType[*CommitTimeoutError](err)
	return ok
}

// explain adds the setting that limits a commit to its time-out.
func (a *Appliance) explain(err error) error {
	if !rest.IsTimeout(err) || !rest.IsOutcomeUnknown(err) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	timeout := cmp.Or(ptr.Deref(a.settings.Timeout, metav1.Duration{}).Duration, sps.DefaultCommitTimeout)
	return &CommitTimeoutError{Timeout: timeout, Err: err}
}
