// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
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
	if !open {
		return d.runProbe(ctx, status, breaker, probe)
	}
	if circuit.Failures > 0 {
		if err := d.showHalfOpen(ctx, conn, circuitOf(breaker)); err != nil {
			return err
		}
		return d.runProbe(ctx, status, breaker, probe)
	}
	return d.firstProbe(ctx, conn, breaker, probe)
}

func (d deps) runProbe(
	ctx context.Context, status *pamv1alpha1.ConnectionStatus, breaker *rest.Breaker, probe func(context.Context) error,
) error {
	_, err := breaker.Probe(ctx, probe)
	status.CircuitBreaker = circuitOf(breaker)
	return err
}

// firstProbeGrace is how long the first probe after a call without an answer may take before it is shown. Usually a
// single connection was cut, and the probe is answered within milliseconds.
const firstProbeGrace = time.Second

// firstProbe runs the first probe after a call without an answer, and shows meanwhile what that call has found out: an
// appliance that accepts and says nothing costs the probe its whole time-out, and nobody is to wait for it twice.
func (d deps) firstProbe(
	ctx context.Context, conn connectionObject, breaker *rest.Breaker, probe func(context.Context) error,
) error {
	cut := circuitOf(breaker)
	done := make(chan error, 1)
	go func() {
		_, err := breaker.Probe(ctx, probe)
		done <- err
	}()
	grace := time.NewTimer(firstProbeGrace)
	defer grace.Stop()
	var err, shown error
	select {
	case err = <-done:
	case <-grace.C:
		shown = d.showHalfOpen(ctx, conn, cut)
		err = <-done
	}
	conn.Connectivity().CircuitBreaker = circuitOf(breaker)
	return cmp.Or(err, shown)
}

// showHalfOpen shows in the status that a probe is under way, which may take until its time-out.
func (d deps) showHalfOpen(ctx context.Context, conn connectionObject, circuit *pamv1alpha1.CircuitBreaker) error {
	shown, ok := conn.DeepCopyObject().(connectionObject)
	if !ok || circuit == nil {
		return nil
	}
	circuit = circuit.DeepCopy()
	circuit.State = pamv1alpha1.CircuitHalfOpen
	shown.Connectivity().CircuitBreaker = circuit
	if ready := readyOf(shown); ready != nil && ready.Status == metav1.ConditionTrue {
		const message = "a call got no answer; it is being tried whether anything answers there"
		wait(pamv1alpha1.ReasonUnreachable, message, 0).
			apply(shown.GetStatus().ObjectConditions(), ready.ObservedGeneration)
	}
	if err := d.client.Status().Patch(ctx, shown, client.MergeFrom(conn)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("show the probe in the status: %w", err))
	}
	conn.SetResourceVersion(shown.GetResourceVersion())
	return nil
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
