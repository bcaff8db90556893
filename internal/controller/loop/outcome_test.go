// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/network"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/panics"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func answered(status int) error {
	return fmt.Errorf("while doing it: %w", &rest.Error{Method: "GET", Path: "/x", Status: status, Sent: true})
}

func unencodable() error {
	_, err := json.Marshal(map[string]any{"f": func() {}})
	return fmt.Errorf("encode the request: %w", err)
}

func TestOutcomeOf(t *testing.T) {
	policies := schema.GroupResource{Resource: "rdpconnectionpolicies"}
	cases := map[string]struct {
		err    error
		state  State
		reason string
		after  time.Duration
		// retried says that the work queue's growing delay is used instead.
		retried bool
	}{
		"a panic in a change": {
			err: fmt.Errorf("while writing: %w", panics.Recovered("a value")), state: StateStalled,
			reason: pamv1alpha1.ReasonInternalError, after: StalledRecheck,
		},
		"a value that cannot be encoded": {
			err: unencodable(), state: StateStalled, reason: pamv1alpha1.ReasonInternalError, after: StalledRecheck,
		},
		"a state that our code rules out": {
			err: Impossible("an object of no kind"), state: StateStalled, reason: pamv1alpha1.ReasonInternalError,
			after: StalledRecheck,
		},
		"it is unknown": {
			err: errors.New("?"), state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"a time-out": {
			err: context.DeadlineExceeded, state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"the operator stops": {
			err: context.Canceled, state: StateReconciling, reason: pamv1alpha1.ReasonProgressing, retried: true,
		},
		"no answer": {
			err:   &rest.Error{Method: "GET", Path: "/x", Err: errors.New("connection refused")},
			state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"an answer that is not understood": {
			err:   &rest.Error{Method: "GET", Path: "/x", Status: 200, Err: rest.ErrMalformedAnswer},
			state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"400": {err: answered(400), state: StateStalled, reason: pamv1alpha1.ReasonRejected, after: StalledRecheck},
		"401": {err: answered(401), state: StateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: unauthorizedRecheck},
		"403": {err: answered(403), state: StateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: unauthorizedRecheck},
		"404": {err: answered(404), state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"409": {err: answered(409), state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"422": {err: answered(422), state: StateStalled, reason: pamv1alpha1.ReasonRejected, after: StalledRecheck},
		"429": {err: answered(429), state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"500": {err: answered(500), state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"503": {err: answered(503), state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true},
		"503 that says when to come back": {
			err:   &rest.Error{Status: 503, RetryAfter: 42 * time.Second},
			state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, after: 42 * time.Second,
		},
		"credentials that were refused": {
			err:   &sps.CredentialsError{Until: time.Unix(0, 0), Err: answered(401)},
			state: StateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: time.Second * 10 / 9,
		},
		"credentials that the other vendor refused": {
			err:   &nps.CredentialsError{Until: time.Unix(0, 0)},
			state: StateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: time.Second * 10 / 9,
		},
		"credentials that are not sent again": {
			err: &rest.Error{Method: "GET", Path: "/x", Err: &sps.CredentialsError{
				Until: time.Unix(0, 0), Err: &login.ThrottledError{Why: "refused before"},
			}},
			state: StateStalled, reason: pamv1alpha1.ReasonUnauthorized, after: time.Second * 10 / 9,
		},
		"a lock": {
			err:   &sps.LockedError{Holder: "admin", Err: answered(409)},
			state: StateReconciling, reason: pamv1alpha1.ReasonLocked, after: DefaultLockedRetry,
		},
		"another client's changes in our transaction": {
			err:   &sps.ForeignChangesError{Paths: []string{"/x"}},
			state: StateReconciling, reason: pamv1alpha1.ReasonLocked, retried: true,
		},
		"a base that keeps moving": {
			err: groupcommit.ErrBaseMoved, state: StateReconciling, reason: pamv1alpha1.ReasonProgressing, retried: true,
		},
		"a client that was replaced": {
			err: groupcommit.ErrClosed, state: StateReconciling, reason: pamv1alpha1.ReasonProgressing, after: time.Second,
		},
		"an unknown outcome": {
			err:   fmt.Errorf("%w: %w", groupcommit.ErrOutcomeUnknown, answered(504)),
			state: StateReconciling, reason: pamv1alpha1.ReasonUnreachable, retried: true,
		},
		"a connection that is not ready": {
			err:   &connection.NotReadyError{Message: "not tried"},
			state: StateReconciling, reason: pamv1alpha1.ReasonConnectionNotReady,
		},
		"a connection that is about to be tried": {
			err:   &connection.UntriedError{NotReadyError: connection.NotReadyError{Message: "not tried"}},
			state: StateReconciling, reason: pamv1alpha1.ReasonProgressing,
		},
		"a connection that does not exist": {
			err:   &connection.MissingError{NotReadyError: connection.NotReadyError{Message: "none"}},
			state: StateReconciling, reason: pamv1alpha1.ReasonConnectionNotReady,
		},
		"a connection that is not permitted": {
			err:   &connection.NotPermittedError{Message: "no"},
			state: StateStalled, reason: pamv1alpha1.ReasonConnectionNotPermitted, after: StalledRecheck,
		},
		"a connection that cannot be": {
			err:   &connection.InvalidError{Message: "no PEM"},
			state: StateStalled, reason: pamv1alpha1.ReasonInvalidSpec, after: StalledRecheck,
		},
		"an ambiguous name": {
			err:   &appliance.AmbiguousError{Collection: sps.Users, Name: "x", Keys: []string{"1", "2"}},
			state: StateStalled, reason: pamv1alpha1.ReasonReferenceNotFound, after: StalledRecheck,
		},
		"a problem that somebody has to fix": {
			err:   fmt.Errorf("wrapped: %w", MustAct(pamv1alpha1.ReasonConflict, "two")),
			state: StateStalled, reason: pamv1alpha1.ReasonConflict, after: StalledRecheck,
		},
		"a problem whose end a watch reports": {
			err: MustWait("soon"), state: StateReconciling, reason: pamv1alpha1.ReasonProgressing,
		},
		"a problem of ours beside an error of the API server": {
			err: errors.Join(
				MustAct(pamv1alpha1.ReasonConflict, "two"), apierrors.NewConflict(policies, "a", errors.New("x"))),
			state: StateStalled, reason: pamv1alpha1.ReasonConflict, after: StalledRecheck,
		},
		"a conflict at the API server": {
			err:   apierrors.NewConflict(policies, "a", errors.New("changed")),
			state: StateReconciling, reason: pamv1alpha1.ReasonProgressing, after: time.Second,
		},
		"an API server that is overloaded": {
			err:   apierrors.NewTooManyRequests("later", 1),
			state: StateReconciling, reason: pamv1alpha1.ReasonProgressing, retried: true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := OutcomeOf(c.err)
			if got.State != c.state || got.Reason != c.reason || got.After != c.after || (got.Err != nil) != c.retried {
				t.Errorf("got state %d, reason %s, after %s, retried %v", got.State, got.Reason, got.After, got.Err != nil)
			}
			if got.Message == "" {
				t.Error("the message is empty")
			}
		})
	}
}

func TestAnswersThatAreTooLargeAreNotAskedForAtOnce(t *testing.T) {
	tooLarge := &rest.TooLargeError{What: "the answer", Limit: 5, Field: "spec.limits.maxResponseSize of the connection"}
	for name, c := range map[string]struct {
		err   error
		words string
		after time.Duration
	}{
		"by the limit of the connection": {tooLarge, "spec.limits.maxResponseSize of the connection", StalledRecheck},
		"because of others":              {rest.ErrBudget, "--max-answer-memory", crowdedRetry},
		"by where it leads": {
			&network.RefusedError{Host: "db.internal", Why: "it is a loopback address"}, network.Flag, StalledRecheck,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := &rest.Error{Method: "GET", Path: "/x", Message: c.err.Error(), Sent: true, Err: c.err}
			if out := OutcomeOf(err); out.Err != nil || out.After != c.after || !strings.Contains(out.Message, c.words) {
				t.Errorf("got %+v", out)
			}
		})
	}
}
