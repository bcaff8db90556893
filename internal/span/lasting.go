// SPDX-License-Identifier: Apache-2.0

package span

import (
	"context"
	"crypto/sha256"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// A lasting trace is that of something that outlives every pass, and perhaps the process: its IDs are derived from a
// key. They are a digest of it, because samplers want the bits of an ID to be random.

// lasting are the IDs of a lasting trace and of its root.
func lasting(key string) trace.SpanContext {
	sum := sha256.Sum256([]byte(key))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), Remote: true,
	})
}

// In returns a context whose next span is in the lasting trace of a key, below its root.
func In(ctx context.Context, key string) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, lasting(key))
}

type rootKey struct{}

// EndLasting writes the root of a lasting trace, which is known once it is over. ctx is that of a span in this trace.
// set may add attributes.
func EndLasting(ctx context.Context, key, name string, begun, ended time.Time, set func(trace.Span)) {
	within := trace.SpanFromContext(ctx)
	root := lasting(key)
	if !within.IsRecording() || within.SpanContext().TraceID() != root.TraceID() {
		return
	}
	_, s := within.TracerProvider().Tracer(Scope).Start(context.WithValue(ctx, rootKey{}, root), name,
		trace.WithNewRoot(), trace.WithTimestamp(begun))
	set(s)
	s.End(trace.WithTimestamp(ended))
}

// Root returns the IDs for a span without a parent, if they are not to be random.
func Root(ctx context.Context) (trace.SpanContext, bool) {
	root, ok := ctx.Value(rootKey{}).(trace.SpanContext)
	return root, ok
}
