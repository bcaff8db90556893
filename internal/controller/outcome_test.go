// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/network"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func answered(status int) error {
	return fmt.Errorf("while doing it: %w", &rest.Error{Method: "GET", Path: "/x", Status: status, Sent: true})
}

func TestOutcomeOf(t *testing.T) {
	policies := schema.GroupResource{Resource: "rdpconnectionpolicies"}
	cases := map[string]struct {
		err    error
		state  state
		reason string
		after  time.Duration
		// retried says that the work queue's growing delay is used instead.
		retried bool
	}{
		"nobody knows": {err: errors.New("?"), state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"a time-out": {
			err: context.DeadlineExceeded, state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"the operator stops": {
			err: context.Canceled, state: stateReconciling, reason: pamv1alpha1.ReasonProgressing, retried: true,
		},
		"no answer": {
			err:   &rest.Error{Method: "GET", Path: "/x", Err: errors.New("connection refused")},
			state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"an answer that is not understood": {
			err:   &rest.Error{Method: "GET", Path: "/x", Status: 200, Err: rest.ErrMalformedAnswer},
			state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"400": {err: answered(400), state: stateStalled, reason: pamv1alpha1.ReasonRejected, after: stalledRecheck},
		"401": {err: answered(401), state: stateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: unauthorizedRecheck},
		"403": {err: answered(403), state: stateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: unauthorizedRecheck},
		"404": {err: answered(404), state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"409": {err: answered(409), state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"422": {err: answered(422), state: stateStalled, reason: pamv1alpha1.ReasonRejected, after: stalledRecheck},
		"429": {err: answered(429), state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"500": {err: answered(500), state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"503": {err: answered(503), state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"503 that says when to come back": {
			err:   &rest.Error{Status: 503, RetryAfter: 42 * time.Second},
			state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, after: 42 * time.Second,
		},
		"credentials that were refused": {
			err:   &sps.CredentialsError{Until: time.Unix(0, 0), Err: answered(401)},
			state: stateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: time.Second * 10 / 9,
		},
		"credentials that the other vendor refused": {
			err:   &nps.CredentialsError{Until: time.Unix(0, 0)},
			state: stateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: time.Second * 10 / 9,
		},
		"credentials that are not sent again": {
			err: &rest.Error{Method: "GET", Path: "/x", Err: &sps.CredentialsError{
				Until: time.Unix(0, 0), Err: &login.HeldError{Why: "refused before"},
			}},
			state: stateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: time.Second * 10 / 9,
		},
		"a lock": {
			err:   &sps.LockedError{Holder: "admin", Err: answered(409)},
			state: stateReconciling, reason: pamv1alpha1.ReasonLocked, after: lockedRetry,
		},
		"changes of somebody else in our transaction": {
			err:   &sps.ForeignChangesError{Paths: []string{"/x"}},
			state: stateReconciling, reason: pamv1alpha1.ReasonLocked, retried: true,
		},
		"a base that keeps moving": {
			err: groupcommit.ErrBaseMoved, state: stateReconciling, reason: pamv1alpha1.ReasonProgressing, retried: true,
		},
		"a client that was replaced": {
			err: groupcommit.ErrClosed, state: stateReconciling, reason: pamv1alpha1.ReasonProgressing, after: time.Second,
		},
		"an unknown outcome": {
			err:   fmt.Errorf("%w: %w", groupcommit.ErrOutcomeUnknown, answered(504)),
			state: stateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"a connection that is not ready": {
			err:   &connection.NotReadyError{Message: "not tried"},
			state: stateReconciling, reason: pamv1alpha1.ReasonConnectionNotReady,
		},
		"a connection that is about to be tried": {
			err:   &connection.UntriedError{NotReadyError: connection.NotReadyError{Message: "not tried"}},
			state: stateReconciling, reason: pamv1alpha1.ReasonProgressing,
		},
		"a connection that does not exist": {
			err:   &connection.MissingError{NotReadyError: connection.NotReadyError{Message: "none"}},
			state: stateReconciling, reason: pamv1alpha1.ReasonConnectionNotReady,
		},
		"a connection that is not permitted": {
			err:   &connection.NotPermittedError{Message: "no"},
			state: stateStalled, reason: pamv1alpha1.ReasonConnectionNotPermitted, after: stalledRecheck,
		},
		"a connection that cannot be": {
			err:   &connection.InvalidError{Message: "no PEM"},
			state: stateStalled, reason: pamv1alpha1.ReasonInvalidSpec, after: stalledRecheck,
		},
		"an ambiguous name": {
			err:   &connection.AmbiguousError{Collection: sps.Users, Name: "x", Keys: []string{"1", "2"}},
			state: stateStalled, reason: pamv1alpha1.ReasonReferenceNotFound, after: stalledRecheck,
		},
		"a problem that somebody has to mend": {
			err:   fmt.Errorf("wrapped: %w", mustAct(pamv1alpha1.ReasonConflict, "two")),
			state: stateStalled, reason: pamv1alpha1.ReasonConflict, after: stalledRecheck,
		},
		"a problem that a watch tells the end of": {
			err: mustWait("soon"), state: stateReconciling, reason: pamv1alpha1.ReasonProgressing,
		},
		"a problem of ours beside an error of the API server": {
			err: errors.Join(
				mustAct(pamv1alpha1.ReasonConflict, "two"), apierrors.NewConflict(policies, "a", errors.New("x"))),
			state: stateStalled, reason: pamv1alpha1.ReasonConflict, after: stalledRecheck,
		},
		"a conflict at the API server": {
			err:   apierrors.NewConflict(policies, "a", errors.New("changed")),
			state: stateReconciling, reason: pamv1alpha1.ReasonProgressing, after: time.Second,
		},
		"an API server that is overloaded": {
			err:   apierrors.NewTooManyRequests("later", 1),
			state: stateReconciling, reason: pamv1alpha1.ReasonProgressing, retried: true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := outcomeOf(c.err)
			if got.state != c.state || got.reason != c.reason || got.after != c.after || (got.err != nil) != c.retried {
				t.Errorf("got state %d, reason %s, after %s, retried %v", got.state, got.reason, got.after, got.err != nil)
			}
			if got.message == "" {
				t.Error("the message is empty")
			}
		})
	}
}

// What became of an attempt to connect is for the owner of the connection: others could explore a network by it.
func TestOnlyTheOwnerSeesWhatBecameOfAnAttemptToConnect(t *testing.T) {
	for _, cause := range []string{
		"dial tcp 10.1.2.3:443: connect: connection refused", "lookup db.internal: no such host", "EOF",
		"tls: failed to verify certificate: x509: certificate is valid for db.internal",
	} {
		err := fmt.Errorf("while doing it: %w", &rest.Error{
			Method: "GET", Path: "/api/info", Message: cause, Err: errors.New(cause),
		})
		if out := outcomeOf(err); strings.Contains(out.message, cause) || !strings.Contains(out.message, "GET /api/info") ||
			out.reason != pamv1alpha1.ReasonUnreachable || out.err == nil {
			t.Errorf("others see %q", out.message)
		}
		if out := ofOwner(&pamv1alpha1.SPSConnection{}, err); !strings.Contains(out.message, cause) {
			t.Errorf("the owner sees %q", out.message)
		}
	}
}

func TestAnswersThatAreTooLargeAreNotAskedForAtOnce(t *testing.T) {
	tooLarge := &rest.TooLargeError{What: "the answer", Limit: 5, Field: "spec.limits.maxResponseSize of the connection"}
	for name, c := range map[string]struct {
		err   error
		words string
		after time.Duration
	}{
		"by the limit of the connection": {tooLarge, "spec.limits.maxResponseSize of the connection", stalledRecheck},
		"because of others":              {rest.ErrBudget, "--max-answer-memory", crowdedRetry},
		"by where it leads": {
			&network.RefusedError{Host: "db.internal", Why: "it is a loopback address"}, network.Flag, stalledRecheck,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := &rest.Error{Method: "GET", Path: "/x", Message: c.err.Error(), Sent: true, Err: c.err}
			for _, out := range []outcome{outcomeOf(err), ofOwner(&pamv1alpha1.SPSConnection{}, err)} {
				if out.err != nil || out.after != c.after || !strings.Contains(out.message, c.words) {
					t.Errorf("got %+v", out)
				}
			}
		})
	}
}

func TestARefusedDeletionIsDeletionBlocked(t *testing.T) {
	if got := deletionOutcome(answered(400)); got.reason != pamv1alpha1.ReasonDeletionBlocked {
		t.Errorf("got %s", got.reason)
	}
	if got := deletionOutcome(answered(503)); got.reason != pamv1alpha1.ReasonUnreachable {
		t.Errorf("got %s", got.reason)
	}
}

func TestOnlyADeletionWithoutAnswerIsGivenUp(t *testing.T) {
	cases := map[string]struct {
		err  error
		want bool
	}{
		"no answer":                           {err: errors.New("connection refused"), want: true},
		"a connection that is not ready":      {err: &connection.NotReadyError{Message: "not ready"}, want: true},
		"a refusal":                           {err: answered(400), want: false},
		"credentials that were refused":       {err: answered(401), want: false},
		"a lock, which its holder lets go of": {err: &sps.LockedError{Err: answered(409)}, want: false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := unanswered(deletionOutcome(c.err)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
