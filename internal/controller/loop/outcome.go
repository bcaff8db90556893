// SPDX-License-Identifier: Apache-2.0

// Package loop is what a reconcile of any controller needs: the classification of errors, the status and its single
// write, watches, lanes, indexes, and the records of leftovers. It uses only what the kinds have in common.
package loop

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/credential"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/network"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/panics"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Outcome is the result of one reconcile: the conditions, and when to reconcile again.
type Outcome struct {
	State   State
	Reason  string
	Message string
	// After is when to reconcile again even if no change was seen; 0 leaves that to the watches.
	After time.Duration
	// Err is retried with growing delays.
	Err error
	// Warn says that a transition to it is a warning, although Ready is True.
	Warn bool
	// Bug is a bug of our own, for the log.
	Bug error
}

// State determines the three summary conditions.
type State int

const (
	// StateContinue means that nothing is decided yet and the reconcile continues. A reconcile cannot end in it.
	StateContinue State = iota
	// StateReady means that Ready is True.
	StateReady
	// StateReconciling means that Ready is False, and that work continues or waits for something that will happen by
	// itself.
	StateReconciling
	// StateStalled means that Ready is False, and that somebody has to act.
	StateStalled
	// stateSuspended means that Ready is False on request; there is neither work nor a fault.
	stateSuspended
)

// Continue returns the outcome of a step that has nothing to report.
func Continue() Outcome { return Outcome{} }

// Continues reports whether the reconcile continues.
func (o Outcome) Continues() bool { return o.State == StateContinue }

// Done returns the outcome of an object whose spec is fulfilled.
func Done(reason, message string) Outcome {
	return Outcome{State: StateReady, Reason: reason, Message: message}
}

// Wait returns the outcome of waiting for something that will happen by itself; after is 0 if a watch reports it.
func Wait(reason, message string, after time.Duration) Outcome {
	return Outcome{State: StateReconciling, Reason: reason, Message: message, After: after}
}

// Stalled returns the outcome of a fault that somebody has to fix. The object is still reconciled from time to time,
// because the fix may be invisible to watches.
func Stalled(reason, message string) Outcome {
	return Outcome{State: StateStalled, Reason: reason, Message: message, After: StalledRecheck}
}

// Suspended returns the outcome of a suspended object.
func Suspended(message string) Outcome {
	return Outcome{State: stateSuspended, Reason: pamv1alpha1.ReasonSuspended, Message: message}
}

// Delays between reconciles. All are jittered where they are used.
const (
	// StalledRecheck is for causes that may be fixed on the appliance.
	StalledRecheck = 10 * time.Minute
	// unauthorizedRecheck is for missing rights. The error of refused credentials says when they are tried again.
	unauthorizedRecheck = 20 * time.Minute
)

// undecidedRecheck is for ErrUndecided, which depends on a connection that may be in another namespace.
const undecidedRecheck = 30 * time.Second

// Problem is an error of our own whose reason is known at its origin.
type Problem struct {
	Reason  string
	Message string
	// Stall says that somebody has to act.
	Stall bool
	// After is when to reconcile again; 0 if a watch reports the change.
	After time.Duration
	// graced says that it is waited for at first; see Missing.
	graced bool
}

func (p *Problem) Error() string { return p.Message }

// Refused makes the committer omit the change and continue with the others.
func (p *Problem) Refused() {}

// MustAct returns an error that somebody has to fix.
func MustAct(reason, format string, args ...any) error {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Stall: true}
}

// MustWait returns an error that goes away by itself, which a watch reports.
func MustWait(format string, args ...any) error {
	return &Problem{Reason: pamv1alpha1.ReasonProgressing, Message: fmt.Sprintf(format, args...)}
}

// ErrStale means that the cache lags behind our own writes, which no watch reports.
var ErrStale = &Problem{
	Reason: pamv1alpha1.ReasonProgressing, Message: "the object changed meanwhile; starting over", After: time.Second,
}

// OutcomeOf turns any error into a reason, a retry or a stall, and a delay. It is the only classification of errors.
// Unknown errors are transient.
func OutcomeOf(err error) Outcome {
	if own, ok := errors.AsType[*Problem](err); ok {
		if own.Stall {
			out := Stalled(own.Reason, own.Message)
			out.After = cmp.Or(own.After, out.After)
			return out
		}
		return Wait(own.Reason, own.Message, own.After)
	}
	for _, classify := range []func(error) (Outcome, bool){
		ofOurselves, ofConnection, ofNetwork, ofAppliance, ofServer, ofKubernetes, ofSilence,
	} {
		if out, ok := classify(err); ok {
			return out
		}
	}
	return Retry(pamv1alpha1.ReasonUnreachable, err)
}

// ofOurselves recognises our own bugs: a panic, a value that cannot be encoded, and a state that our code rules out. An
// immediate retry would not help.
func ofOurselves(err error) (Outcome, bool) {
	_, panicked := errors.AsType[*panics.Error](err)
	_, unsupported := errors.AsType[*json.UnsupportedTypeError](err)
	_, unencodable := errors.AsType[*json.UnsupportedValueError](err)
	_, unmarshalled := errors.AsType[*json.MarshalerError](err)
	_, impossible := errors.AsType[*ImpossibleError](err)
	if !panicked && !unsupported && !unencodable && !unmarshalled && !impossible {
		return Outcome{}, false
	}
	out := Stalled(pamv1alpha1.ReasonInternalError,
		fmt.Sprintf("this is a bug in the operator (%v): please report it, with the operator's log of this moment", err))
	out.Bug = err
	return out, true
}

// ImpossibleError is a state that our own code rules out.
type ImpossibleError struct{ Message string }

// Error says what was found.
func (e *ImpossibleError) Error() string { return e.Message }

// Impossible returns an ImpossibleError.
func Impossible(format string, args ...any) error {
	return &ImpossibleError{Message: fmt.Sprintf(format, args...)}
}

// crowdedRetry is for answers that do not fit into the memory because of others.
const crowdedRetry = time.Minute

// ofNetwork recognises what our own bounds forbid: hosts that must not be connected to, and answers that are too large.
func ofNetwork(err error) (Outcome, bool) {
	refused, isRefused := errors.AsType[*network.RefusedError](err)
	switch {
	case isRefused:
		return Stalled(pamv1alpha1.ReasonInvalidSpec, refused.Error()), true
	case rest.IsCertificateRefused(err) && heldOffUntil(err).IsZero(): // in a session that had logged in before
		return unauthorized(err), true
	case rest.IsTooLarge(err): // a repeated answer would cost as much and be as large
		return Stalled(pamv1alpha1.ReasonUnreachable, err.Error()), true
	case errors.Is(err, rest.ErrBudget):
		return Wait(pamv1alpha1.ReasonUnreachable, err.Error(), crowdedRetry), true
	}
	return Outcome{}, false
}

// ofSilence recognises failures before there is an answer. It comes after the vendors' errors, which include calls that
// were not sent because of an earlier answer. The cause of a failed attempt to connect is reported to the owner of the
// connection only, see ofOwner in package probe: other users of the connection could explore a network with it.
func ofSilence(err error) (Outcome, bool) {
	if !IsSilence(err) {
		return Outcome{}, false
	}
	answer, out := rest.As(err), Retry(pamv1alpha1.ReasonUnreachable, err)
	out.Message = fmt.Sprintf("no answer to %s %s; it is tried again, and if this lasts, the owner of the connection "+
		"has to find out why", answer.Method, answer.Path)
	return out, true
}

// IsSilence reports whether a call failed before there was an answer.
func IsSilence(err error) bool {
	answer := rest.As(err)
	return answer != nil && answer.Status == 0 && answer.Err != nil && !errors.Is(err, rest.ErrMalformedAnswer) &&
		!errors.Is(err, context.Canceled)
}

// Retry returns the outcome of an error that is transient, as far as we know.
func Retry(reason string, err error) Outcome {
	return Outcome{State: StateReconciling, Reason: reason, Message: err.Error(), Err: err}
}

// ofConnection recognises the errors of package connection.
func ofConnection(err error) (Outcome, bool) {
	ambiguous, isAmbiguous := errors.AsType[*appliance.AmbiguousError](err)
	open, isOpen := errors.AsType[*rest.OpenError](err)
	switch {
	case connection.IsNotPermitted(err):
		return Stalled(pamv1alpha1.ReasonConnectionNotPermitted, err.Error()), true
	case connection.IsUntried(err):
		return Wait(pamv1alpha1.ReasonProgressing, err.Error(), 0), true
	case connection.IsNotReady(err):
		return Wait(pamv1alpha1.ReasonConnectionNotReady, err.Error(), 0), true
	case isOpen: // if the probe fails, Ready changes, and a watch reports its recovery; if it succeeds, nothing does
		return Wait(pamv1alpha1.ReasonConnectionNotReady, open.Error(), max(time.Until(open.Next), time.Second)), true
	case errors.Is(err, connection.ErrUndecided):
		return Wait(pamv1alpha1.ReasonConnectionNotReady, err.Error(), undecidedRecheck), true
	case credential.IsExpired(err):
		return Stalled(pamv1alpha1.ReasonUnauthorized, err.Error()), true
	case connection.IsInvalid(err):
		return Stalled(pamv1alpha1.ReasonInvalidSpec, err.Error()), true
	case isAmbiguous:
		return Stalled(pamv1alpha1.ReasonReferenceNotFound, ambiguous.Error()), true
	case appliance.IsCommitTimeout(err):
		timeout, _ := errors.AsType[*appliance.CommitTimeoutError](err)
		out := Retry(pamv1alpha1.ReasonUnreachable, err)
		out.Message = timeout.Error()
		return out, true
	case appliance.IsUnconfirmed(err):
		return Retry(pamv1alpha1.ReasonProgressing, err), true
	case appliance.IsReplaced(err):
		// The client was replaced while the change waited; the next reconcile uses the new one.
		return Wait(pamv1alpha1.ReasonProgressing, "the connection has changed; starting over", time.Second), true
	}
	return Outcome{}, false
}

// ofAppliance recognises the answers of SPS.
func ofAppliance(err error) (Outcome, bool) {
	foreign, isForeign := errors.AsType[*sps.ForeignChangesError](err)
	lock, isLocked := errors.AsType[*sps.LockedError](err)
	after, isUntried := appliance.Untried(err)
	switch {
	case isUntried: // before the refusal that it may contain
		return Wait(pamv1alpha1.ReasonProgressing, err.Error(), after), true
	case sps.IsFenced(err): // another manager leads
		return Wait(pamv1alpha1.ReasonProgressing, err.Error(), time.Second), true
	case isLocked && lock.Busy:
		return Wait(pamv1alpha1.ReasonUnreachable,
			fmt.Sprintf("the appliance takes no changes at the moment: %v; trying again", lock.Err), DefaultLockedRetry), true
	case isLocked:
		return Wait(pamv1alpha1.ReasonLocked, LockMessage(lock.Holder), DefaultLockedRetry), true
	case sps.IsCredentialsRefused(err):
		return unauthorized(err), true
	case isForeign:
		return Retry(pamv1alpha1.ReasonLocked, foreign), true
	case sps.IsTransactionLost(err), sps.IsCommitConflict(err), appliance.IsBaseMoved(err):
		return Retry(pamv1alpha1.ReasonProgressing, err), true
	case rest.IsForbidden(err): // also for a write: the rights have to be fixed, not the content
		return unauthorized(err), true
	case sps.IsRefused(err):
		return Stalled(pamv1alpha1.ReasonRejected, err.Error()), true
	}
	return Outcome{}, false
}

// ofServer recognises the answers of NPS, and what a status means for both vendors.
func ofServer(err error) (Outcome, bool) {
	_, isCredentials := errors.AsType[*nps.CredentialsError](err)
	_, isInvalid := errors.AsType[*nps.InvalidRequestError](err)
	answer := rest.As(err)
	switch {
	case isInvalid:
		return Stalled(pamv1alpha1.ReasonInvalidSpec, err.Error()), true
	case isCredentials, rest.IsUnauthorized(err), rest.IsForbidden(err):
		return unauthorized(err), true
	case rest.IsRejected(err):
		return Stalled(pamv1alpha1.ReasonRejected, err.Error()), true
	case answer != nil && answer.RetryAfter > 0:
		return Wait(pamv1alpha1.ReasonUnreachable, err.Error(), answer.RetryAfter), true
	}
	return Outcome{}, false
}

func unauthorized(err error) Outcome {
	out := Stalled(pamv1alpha1.ReasonUnauthorized, err.Error())
	out.After = unauthorizedRecheck
	if until := heldOffUntil(err); !until.IsZero() {
		out.After = max(time.Until(until), time.Second) * 10 / 9 // it is jittered, and must not be early
	}
	return out
}

// heldOffUntil is when refused credentials are tried again; zero if the error does not say.
func heldOffUntil(err error) time.Time {
	if e, ok := errors.AsType[*sps.CredentialsError](err); ok {
		return e.Until
	}
	if e, ok := errors.AsType[*nps.CredentialsError](err); ok {
		return e.Until
	}
	return time.Time{}
}

// ofKubernetes recognises the answers of the API server.
func ofKubernetes(err error) (Outcome, bool) {
	status, isStatus := errors.AsType[*apierrors.StatusError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return Retry(pamv1alpha1.ReasonProgressing, err), true
	case apierrors.IsConflict(err):
		return OutcomeOf(ErrStale), true
	case isStatus:
		return Retry(pamv1alpha1.ReasonProgressing, status), true
	}
	return Outcome{}, false
}

// OfUser is OutcomeOf for an object that uses a connection, whose author can neither fix the connection nor see its
// status. An object of the cluster that is missing is waited for if the spec was written just now.
func OfUser(obj kinds.Connected, err error) Outcome {
	if own, ok := errors.AsType[*Problem](err); ok {
		err = own.awaited(obj, time.Now())
	}
	return OutcomeOf(err).ForUser(obj)
}

// ForUser adds to a connection's refused account whom the author of an object has to ask.
func (o Outcome) ForUser(obj kinds.Connected) Outcome {
	if o.Reason == pamv1alpha1.ReasonUnauthorized {
		o.Message += fmt.Sprintf("; ask the owner of connection %s to fix the credentials or rights of its account",
			connection.Target(obj.Connection(), obj.GetNamespace()))
	}
	return o
}

// LockMessage says who holds the lock of an appliance's configuration; holder is empty if the appliance does not say.
func LockMessage(holder string) string {
	if holder == "" {
		holder = "another client"
	}
	return "the configuration is held by " + holder + "; changes wait until it is free"
}
