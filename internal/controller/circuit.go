// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// try tries a connection out under its circuit breaker, and shows the breaker in the connection's status. A connection
// that has just been tried without an answer is not tried again before its time, whatever wakes its controller: the
// error is then that of the last probe.
func (d deps) try(
	ctx context.Context, conn connectionObject, breaker *rest.Breaker, probe func(context.Context) error,
) error {
	status := conn.Connectivity()
	circuit, open := breaker.Circuit()
	if open && circuit.Last != nil && time.Now().Before(circuit.Next) && !requested(conn) {
		status.CircuitBreaker = circuitOf(breaker)
		return circuit.Last
	}
	if open && circuit.Failures > 0 {
		if err := d.showHalfOpen(ctx, conn); err != nil {
			return err
		}
	}
	_, err := breaker.Probe(ctx, probe)
	status.CircuitBreaker = circuitOf(breaker)
	return err
}

// showHalfOpen shows in the status that a probe is under way, which may take until its time-out.
func (d deps) showHalfOpen(ctx context.Context, conn connectionObject) error {
	if conn.Connectivity().CircuitBreaker == nil {
		return nil
	}
	shown, ok := conn.DeepCopyObject().(connectionObject)
	if !ok {
		return nil
	}
	shown.Connectivity().CircuitBreaker.State = pamv1alpha1.CircuitHalfOpen
	if err := d.client.Status().Patch(ctx, shown, client.MergeFrom(conn)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("show the probe in the status: %w", err))
	}
	conn.SetResourceVersion(shown.GetResourceVersion())
	return nil
}

// afterHalfOpen makes the status that a pass began with the one that showHalfOpen has written meanwhile.
func afterHalfOpen(before, conn connectionObject) {
	if b := before.Connectivity().CircuitBreaker; b != nil && before.GetResourceVersion() != conn.GetResourceVersion() {
		b.State = pamv1alpha1.CircuitHalfOpen
	}
}

// circuitOf is what a status shows of a breaker; nil if it is closed.
func circuitOf(breaker *rest.Breaker) *pamv1alpha1.CircuitBreaker {
	circuit, open := breaker.Circuit()
	if !open {
		return nil
	}
	next := metav1.NewTime(circuit.Next.Truncate(time.Second))
	return &pamv1alpha1.CircuitBreaker{
		State: pamv1alpha1.CircuitOpen, Since: metav1.NewTime(circuit.Since.Truncate(time.Second)),
		Failures: new(int32(circuit.Failures)), NextProbe: &next, //nolint:gosec // a few
	}
}

// circuitOutcome gives the outcome of a probe the breaker's pace, unless it has a pace of its own.
func circuitOutcome(out outcome, breaker *rest.Breaker) outcome {
	circuit, open := breaker.Circuit()
	if !open || out.state == stateStalled && out.err == nil {
		return out
	}
	out.err, out.after = nil, max(time.Until(circuit.Next), time.Millisecond)
	return out
}
