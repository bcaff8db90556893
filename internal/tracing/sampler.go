// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"crypto/rand"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/span"
)

// sampler decides for whole traces: by the ID of the trace for a pass, which for those of a session is always the
// same; and for a transaction by whether a change that it carries is traced, since links must not lead nowhere.
type sampler struct{ ratio sdktrace.Sampler }

func (s sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	below := parent.IsValid() && !parent.IsRemote()
	switch {
	case below && parent.IsSampled(), !parent.IsValid() && span.Carries(p.ParentContext):
		return sdktrace.AlwaysSample().ShouldSample(p)
	case below:
		return sdktrace.NeverSample().ShouldSample(p)
	}
	return s.ratio.ShouldSample(p)
}

func (s sampler) Description() string { return "PamOperator{" + s.ratio.Description() + "}" }

// ids are random, except those of the root of a lasting trace.
type ids struct{}

func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if root, ok := span.Root(ctx); ok {
		return root.TraceID(), root.SpanID()
	}
	var id trace.TraceID
	_, _ = rand.Read(id[:]) // never fails
	return id, g.NewSpanID(ctx, id)
}

func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	_, _ = rand.Read(id[:])
	return id
}
