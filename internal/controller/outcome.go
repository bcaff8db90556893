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
	"github.com/pam-operator/pam-operator/internal/network"
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
	// unauthorizedRecheck is for missing rights. Credentials that were refused say when they are tried again.
	unauthorizedRecheck = 20 * time.Minute
	// lockedRetry is for a person at the appliance's web page; the lock may be theirs for minutes.
	lockedRetry = 15 * time.Second
)

// undecidedRecheck is for a connection in another place that is not ready.
const undecidedRecheck = 30 * time.Second

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
	for _, classify := range []func(error) (outcome, bool){
		ofConnection, ofNetwork, ofAppliance, ofServer, ofKubernetes, ofSilence,
	} {
		if out, ok := classify(err); ok {
			return out
		}
	}
	return retry(pamv1alpha1.ReasonUnreachable, err)
}

// crowdedRetry is for answers for which there is no memory because of others.
const crowdedRetry = time.Minute

// ofNetwork knows what our own bounds forbid: hosts that nobody may connect to, and answers that are too large.
func ofNetwork(err error) (outcome, bool) {
	refused, isRefused := errors.AsType[*network.RefusedError](err)
	switch {
	case isRefused:
		return stalled(pamv1alpha1.ReasonInvalidSpec, refused.Error()), true
	case rest.IsCertificateRefused(err) && heldOffUntil(err).IsZero(): // of a session that had logged in before
		return unauthorized(err), true
	case rest.IsTooLarge(err): // asked again, it costs as much and is as large
		return stalled(pamv1alpha1.ReasonUnreachable, err.Error()), true
	case errors.Is(err, rest.ErrBudget):
		return wait(pamv1alpha1.ReasonUnreachable, err.Error(), crowdedRetry), true
	}
	return outcome{}, false
}

// ofSilence knows what goes wrong before there is an answer; the vendors' kinds, which know a call that was not made
// because of what had been answered before, come first. What became of an attempt to connect is told to the owner of
// the connection only, see ofOwner: told to everybody who may use it, it would be a way to explore a network.
func ofSilence(err error) (outcome, bool) {
	answer := rest.As(err)
	if answer == nil || answer.Status != 0 || answer.Err == nil || errors.Is(err, rest.ErrMalformedAnswer) ||
		errors.Is(err, context.Canceled) {
		return outcome{}, false
	}
	out := retry(pamv1alpha1.ReasonUnreachable, err)
	out.message = fmt.Sprintf("%s %s: no answer; the status of the connection says more", answer.Method, answer.Path)
	return out, true
}

// retry says that the error is passing, as far as we know.
func retry(reason string, err error) outcome {
	return outcome{state: stateReconciling, reason: reason, message: err.Error(), err: err}
}

// ofConnection knows the errors of package connection.
func ofConnection(err error) (outcome, bool) {
	ambiguous, isAmbiguous := errors.AsType[*connection.AmbiguousError](err)
	open, isOpen := errors.AsType[*rest.OpenError](err)
	switch {
	case connection.IsNotPermitted(err):
		return stalled(pamv1alpha1.ReasonConnectionNotPermitted, err.Error()), true
	case connection.IsUntried(err):
		return wait(pamv1alpha1.ReasonProgressing, err.Error(), 0), true
	case connection.IsNotReady(err):
		return wait(pamv1alpha1.ReasonConnectionNotReady, err.Error(), 0), true
	case isOpen: // if a probe fails, Ready turns, and a watch tells of its end; if the first one succeeds, nothing does
		return wait(pamv1alpha1.ReasonConnectionNotReady, err.Error(), max(time.Until(open.Next), time.Second)), true
	case errors.Is(err, connection.ErrUndecided):
		return wait(pamv1alpha1.ReasonConnectionNotReady, err.Error(), undecidedRecheck), true
	case connection.IsCertificateExpired(err):
		return stalled(pamv1alpha1.ReasonUnauthorized, err.Error()), true
	case connection.IsInvalid(err):
		return stalled(pamv1alpha1.ReasonInvalidSpec, err.Error()), true
	case isAmbiguous:
		return stalled(pamv1alpha1.ReasonReferenceNotFound, ambiguous.Error()), true
	case connection.IsCommitTimeout(err):
		timeout, _ := errors.AsType[*connection.CommitTimeoutError](err)
		out := retry(pamv1alpha1.ReasonUnreachable, err)
		out.message = timeout.Error()
		return out, true
	case connection.IsUnconfirmed(err):
		return retry(pamv1alpha1.ReasonProgressing, err), true
	case connection.IsReplaced(err):
		// The client was replaced while the change waited; the next pass uses the new one.
		return wait(pamv1alpha1.ReasonProgressing, "the connection has changed; starting over", time.Second), true
	}
	return outcome{}, false
}

// ofAppliance knows the answers of SPS.
func ofAppliance(err error) (outcome, bool) {
	foreign, isForeign := errors.AsType[*sps.ForeignChangesError](err)
	lock, isLocked := errors.AsType[*sps.LockedError](err)
	switch {
	case sps.IsFenced(err): // another manager does it
		return wait(pamv1alpha1.ReasonProgressing, err.Error(), time.Second), true
	case isLocked && lock.Busy:
		return wait(pamv1alpha1.ReasonUnreachable,
			fmt.Sprintf("the appliance takes no changes at the moment: %v; trying again", lock.Err), lockedRetry), true
	case isLocked:
		return wait(pamv1alpha1.ReasonLocked, lockMessage(lock.Holder), lockedRetry), true
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
	if until := heldOffUntil(err); !until.IsZero() {
		out.after = max(time.Until(until), time.Second) * 10 / 9 // it is jittered, and too early is of no use
	}
	return out
}

// heldOffUntil is when credentials that were refused are tried again; zero if the error does not tell.
func heldOffUntil(err error) time.Time {
	if e, ok := errors.AsType[*sps.CredentialsError](err); ok {
		return e.Until
	}
	if e, ok := errors.AsType[*nps.CredentialsError](err); ok {
		return e.Until
	}
	return time.Time{}
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
