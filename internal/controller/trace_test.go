// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// spans are all that the suite's manager records.
var spans = tracetest.NewInMemoryExporter()

// tracer traces every reconcile.
func tracer() trace.Tracer {
	return sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("suite")
}

// reconcilesOf are the spans of an object's reconciles.
func reconcilesOf(kind, object string) []tracetest.SpanStub {
	return slices.DeleteFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool {
		return s.Name != "reconcile "+kind || attributeOf(s, "pam.object") != object
	})
}

func attributeOf(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// callsIn are the names of the calls in the traces of reconciles.
func callsIn(reconciles []tracetest.SpanStub) []string {
	var names []string
	for _, s := range spans.GetSpans() {
		for _, r := range reconciles {
			if s.Parent.SpanID() == r.SpanContext.SpanID() && s.SpanContext.TraceID() == r.SpanContext.TraceID() {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

var _ = Describe("Tracing", func() {
	It("shows a reconcile with the calls of the transaction that it began", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("traced")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		reconciles := func() []tracetest.SpanStub { return reconcilesOf("RDPConnectionPolicy", s.namespace+"/traced") }
		Eventually(func() []string { return callsIn(reconciles()) }).Should(
			ContainElements("open_transaction", "create", "commit"))
		Eventually(reconciles).Should(ContainElement(WithTransform(func(s tracetest.SpanStub) string {
			return attributeOf(s, "pam.generation") + " " + attributeOf(s, "pam.reason")
		}, Equal("1 "+pamv1alpha1.ReasonSynced))))
	})

	It("shows a reconcile of a session with its calls, and audit lines name the trace", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		session := builder.ActivitySession("traced", append(s.in("nps"), builder.RequestedBy("tester"))...)
		s.create(ctx, session)
		eventuallyReady(ctx, session)
		var requested tracetest.SpanStub
		Eventually(func() bool {
			all := reconcilesOf("ActivitySession", s.namespace+"/traced")
			i := slices.IndexFunc(all, func(r tracetest.SpanStub) bool {
				return slices.Contains(callsIn([]tracetest.SpanStub{r}), "request_session")
			})
			if i >= 0 {
				requested = all[i]
			}
			return i >= 0
		}).Should(BeTrue())
		Eventually(logs.About).WithArguments(s.namespace).Should(
			MatchRegexp(`"action": "request".*"trace": "%s"`, requested.SpanContext.TraceID()))
	})
})
