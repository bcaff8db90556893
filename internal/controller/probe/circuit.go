// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// try probes a connection through its circuit breaker, and shows the breaker in the connection's status. A connection
// whose last probe got no answer is not probed again before its time, whatever wakes its controller but a request: the
// error is then that of the last probe.
func try(
	ctx context.Context, d loop.Deps, conn connectionObject, breaker *rest.Breaker, probe func(context.Context) error,
) error {
	status := conn.Connectivity()
	circuit, open := breaker.Circuit()
	if open && circuit.Last != nil && time.Now().Before(circuit.Next) && !d.Requests.Of(conn).Open() {
		status.CircuitBreaker = circuitOf(breaker)
		return circuit.Last
	}
	if !open && loop.ReadyOf(conn) != nil {
		return runProbe(ctx, status, breaker, probe)
	}
	if circuit.Failures > 0 {
		if err := showHalfOpen(ctx, d, conn, circuitOf(breaker)); err != nil {
			return err
		}
		return runProbe(ctx, status, breaker, probe)
	}
	return firstProbe(ctx, d, conn, breaker, probe)
}

func runProbe(
	ctx context.Context, status *pamv1alpha1.ConnectionStatus, breaker *rest.Breaker, probe func(context.Context) error,
) error {
	_, err := breaker.Probe(ctx, probe)
	status.CircuitBreaker = circuitOf(breaker)
	return err
}

// firstProbeGrace is how long the first probe, or the first one after an unanswered call, may take before it is shown.
// Usually only one TCP connection was cut, and the probe is answered within milliseconds.
const firstProbeGrace = time.Second

// firstProbe runs the first probe of a connection, or the first one after an unanswered call, and shows that it waits,
// or the failure of that call, meanwhile: an appliance that accepts connections and says nothing costs the probe its
// full time-out, and users should not have to wait for that twice.
func firstProbe(
	ctx context.Context, d loop.Deps, conn connectionObject, breaker *rest.Breaker, probe func(context.Context) error,
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
		shown = showWaiting(ctx, d, conn, cut)
		err = <-done
	}
	conn.Connectivity().CircuitBreaker = circuitOf(breaker)
	return cmp.Or(err, shown)
}

// showWaiting shows that the first probe is in progress; circuit is nil before any call.
func showWaiting(ctx context.Context, d loop.Deps, conn connectionObject, circuit *pamv1alpha1.CircuitBreaker) error {
	if circuit != nil {
		return showHalfOpen(ctx, d, conn, circuit)
	}
	shown, ok := conn.DeepCopyObject().(connectionObject)
	if !ok {
		return nil
	}
	const message = "the first probe is waiting for an answer"
	loop.Wait(pamv1alpha1.ReasonProgressing, message, 0).
		Apply(shown.GetStatus().ObjectConditions(), shown.GetGeneration())
	return show(ctx, d, conn, shown)
}

// showHalfOpen shows in the status that a probe is in progress, which may take until its time-out.
func showHalfOpen(ctx context.Context, d loop.Deps, conn connectionObject, circuit *pamv1alpha1.CircuitBreaker) error {
	shown, ok := conn.DeepCopyObject().(connectionObject)
	if !ok || circuit == nil {
		return nil
	}
	circuit = circuit.DeepCopy()
	circuit.State = pamv1alpha1.CircuitHalfOpen
	shown.Connectivity().CircuitBreaker = circuit
	if ready := loop.ReadyOf(shown); ready != nil && ready.Status == metav1.ConditionTrue {
		const message = "a call got no answer; a probe is checking whether anything answers there"
		loop.Wait(pamv1alpha1.ReasonUnreachable, message, 0).
			Apply(shown.GetStatus().ObjectConditions(), ready.ObservedGeneration)
	}
	return show(ctx, d, conn, shown)
}

// show writes a status during a probe.
func show(ctx context.Context, d loop.Deps, conn, shown connectionObject) error {
	if err := d.Client.Status().Patch(ctx, shown, client.MergeFrom(conn)); err != nil {
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
		Failures: new(int32(circuit.Failures)), NextProbe: &next, //nolint:gosec // a small number
	}
}

// circuitOutcome schedules the next probe as the breaker does, unless the outcome has its own schedule.
func circuitOutcome(out loop.Outcome, breaker *rest.Breaker) loop.Outcome {
	circuit, open := breaker.Circuit()
	if !open || out.State == loop.StateStalled && out.Err == nil {
		return out
	}
	out.Err, out.After = nil, max(time.Until(circuit.Next), time.Millisecond)
	return out
}
