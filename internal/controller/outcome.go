// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// outcome is what one pass came to: what the conditions say, and when the object is looked at again.
type outcome struct {
	state   state
	reason  string
	message string
	// after is when to look again although nothing was seen to change; 0 leaves that to the watches.
	after time.Duration
	// err is retried with growing delays.
	err error
}

// state is what the three summary conditions follow from.
type state int

const (
	// stateReady: Ready is True.
	stateReady state = iota
	// stateReconciling: Ready is False, and work goes on or waits for what comes by itself.
	stateReconciling
	// stateStalled: Ready is False, and somebody has to act.
	stateStalled
	// stateHeld: Ready is False because somebody wants it so; neither work nor fault.
	stateHeld
)

// done says that what runs is what the spec asks for.
func done(reason, message string) outcome {
	return outcome{state: stateReady, reason: reason, message: message}
}

// wait says that something comes by itself; after is 0 where a watch tells.
func wait(reason, message string, after time.Duration) outcome {
	return outcome{state: stateReconciling, reason: reason, message: message, after: after}
}

// stalled says that somebody has to act. It is still looked at again, slowly, because the cause may be mended where no
// watch sees it.
func stalled(reason, message string) outcome {
	return outcome{state: stateStalled, reason: reason, message: message, after: stalledRecheck}
}

// held says that somebody wants nothing to be done.
func held(message string) outcome {
	return outcome{state: stateHeld, reason: pamv1alpha1.ReasonSuspended, message: message}
}

// Delays between passes. All are jittered where they are used.
const (
	// stalledRecheck is for causes that may be mended on the appliance.
	stalledRecheck = 10 * time.Minute
	// unauthorizedRecheck is longer than the hold-off of both clients, so that wrong credentials cost one log-in per
	// interval and never a lock-out (sps contract 1.13, nps contract 1.2).
	unauthorizedRecheck = 20 * time.Minute
	// lockedRetry is for a person at the appliance's web page; the lock may be theirs for minutes.
	lockedRetry = 15 * time.Second
)

// problem is an error of our own whose reason is known where it is made.
type problem struct {
	reason  string
	message string
	// stall says that somebody has to act.
	stall bool
	// after is when to look again; 0 where a watch tells.
	after time.Duration
}

func (p *problem) Error() string { return p.message }

// Refused makes the committer leave the change out and go on with the others.
func (p *problem) Refused() {}

// mustAct makes an error that somebody has to mend.
func mustAct(reason, format string, args ...any) error {
	return &problem{reason: reason, message: fmt.Sprintf(format, args...), stall: true}
}

// mustWait makes an error that goes away by itself, and that a watch tells of.
func mustWait(format string, args ...any) error {
	return &problem{reason: pamv1alpha1.ReasonProgressing, message: fmt.Sprintf(format, args...)}
}

// errStale says that the cache lags behind our own writes, which no watch tells us of.
var errStale = &problem{
	reason: pamv1alpha1.ReasonProgressing, message: "the object changed meanwhile; starting over", after: time.Second,
}

// outcomeOf turns any error into a reason, a retry or a stall, and a delay. It is the only classification there is.
// What it does not know is transient.
func outcomeOf(err error) outcome {
	if own, ok := errors.AsType[*problem](err); ok {
		if own.stall {
			out := stalled(own.reason, own.message)
			out.after = cmp.Or(own.after, out.after)
			return out
		}
		return wait(own.reason, own.message, own.after)
	}
	for _, classify := range []func(error) (outcome, bool){ofConnection, ofAppliance, ofServer, ofKubernetes} {
		if out, ok := classify(err); ok {
			return out
		}
	}
	return retry(pamv1alpha1.ReasonUnreachable, err)
}

// retry says that the error is passing, as far as we know.
func retry(reason string, err error) outcome {
	return outcome{state: stateReconciling, reason: reason, message: err.Error(), err: err}
}

// ofConnection knows the errors of package connection.
func ofConnection(err error) (outcome, bool) {
	ambiguous, isAmbiguous := errors.AsType[*connection.AmbiguousError](err)
	switch {
	case connection.IsNotPermitted(err):
		return stalled(pamv1alpha1.ReasonConnectionNotPermitted, err.Error()), true
	case connection.IsUntried(err):
		return wait(pamv1alpha1.ReasonProgressing, err.Error(), 0), true
	case connection.IsNotReady(err):
		return wait(pamv1alpha1.ReasonConnectionNotReady, err.Error(), 0), true
	case connection.IsInvalid(err):
		return stalled(pamv1alpha1.ReasonInvalidSpec, err.Error()), true
	case isAmbiguous:
		return stalled(pamv1alpha1.ReasonReferenceNotFound, ambiguous.Error()), true
	case connection.IsReplaced(err):
		// The client was replaced while the change waited; the next pass uses the new one.
		return wait(pamv1alpha1.ReasonProgressing, "the connection has changed; starting over", time.Second), true
	}
	return outcome{}, false
}

// ofAppliance knows the answers of SPS.
func ofAppliance(err error) (outcome, bool) {
	foreign, isForeign := errors.AsType[*sps.ForeignChangesError](err)
	switch {
	case sps.IsLocked(err):
		return wait(pamv1alpha1.ReasonLocked, err.Error()+"; trying again", lockedRetry), true
	case sps.IsCredentialsRefused(err):
		return unauthorized(err), true
	case isForeign:
		return retry(pamv1alpha1.ReasonLocked, foreign), true
	case sps.IsTransactionLost(err), sps.IsCommitConflict(err), connection.IsBaseMoved(err):
		return retry(pamv1alpha1.ReasonProgressing, err), true
	case rest.IsForbidden(err): // also for a write: it is the rights that have to be mended, not the content
		return unauthorized(err), true
	case sps.IsRefused(err):
		return stalled(pamv1alpha1.ReasonRejected, err.Error()), true
	}
	return outcome{}, false
}

// ofServer knows the answers of NPS, and what both vendors mean by a status.
func ofServer(err error) (outcome, bool) {
	_, isCredentials := errors.AsType[*nps.CredentialsError](err)
	_, isInvalid := errors.AsType[*nps.InvalidRequestError](err)
	answer := rest.As(err)
	switch {
	case isInvalid:
		return stalled(pamv1alpha1.ReasonInvalidSpec, err.Error()), true
	case isCredentials, rest.IsUnauthorized(err), rest.IsForbidden(err):
		return unauthorized(err), true
	case rest.IsRejected(err):
		return stalled(pamv1alpha1.ReasonRejected, err.Error()), true
	case answer != nil && answer.RetryAfter > 0:
		return wait(pamv1alpha1.ReasonUnreachable, err.Error(), answer.RetryAfter), true
	}
	return outcome{}, false
}

func unauthorized(err error) outcome {
	out := stalled(pamv1alpha1.ReasonUnauthorized, err.Error())
	out.after = unauthorizedRecheck
	return out
}

// ofKubernetes knows the answers of the API server.
func ofKubernetes(err error) (outcome, bool) {
	status, isStatus := errors.AsType[*apierrors.StatusError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return retry(pamv1alpha1.ReasonProgressing, err), true
	case apierrors.IsConflict(err):
		return outcomeOf(errStale), true
	case isStatus:
		return retry(pamv1alpha1.ReasonProgressing, status), true
	}
	return outcome{}, false
}
