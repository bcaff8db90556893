// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/span"
	"github.com/pam-operator/pam-operator/internal/tracing"
	"github.com/pam-operator/pam-operator/test/builder"
)

// spans are all that the suite's manager records.
var spans = tracetest.NewInMemoryExporter()

// tracer traces every pass.
func tracer() trace.Tracer {
	return tracing.NewProvider(1, sdktrace.WithSyncer(spans)).Tracer(span.Scope)
}

// spansWith are the spans that have a name, and an attribute if one is given.
func spansWith(name string, key span.Key, value string) []tracetest.SpanStub {
	return slices.DeleteFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool {
		return s.Name != name || key != "" && attributeOf(s, key) != value
	})
}

func attributeOf(s tracetest.SpanStub, key span.Key) string {
	for _, a := range s.Attributes {
		if string(a.Key) == string(key) {
			return a.Value.String()
		}
	}
	return ""
}

// spansBelow are the names of the spans below another one.
func spansBelow(parent tracetest.SpanStub) []string {
	var names []string
	for _, s := range spans.GetSpans() {
		if s.Parent.SpanID() == parent.SpanContext.SpanID() {
			names = append(names, s.Name)
		}
	}
	return names
}

var _ = Describe("Tracing", func() {
	It("links the passes that wrote to the transaction that carried them", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		const policies = 8
		change(ctx, builder.SPSConnection("sps", builder.InNamespace(s.namespace)), func(c *pamv1alpha1.SPSConnection) {
			c.Spec.Commit = &pamv1alpha1.CommitSettings{Window: &metav1.Duration{Duration: time.Second}}
		})
		var objects []client.Object
		for i := range policies {
			objects = append(objects, s.policy(fmt.Sprint("traced-", i)))
		}
		s.create(ctx, objects...)
		changes := map[trace.SpanID]bool{}
		for _, o := range objects {
			policy, ok := o.(*pamv1alpha1.RDPConnectionPolicy)
			Expect(ok).To(BeTrue())
			eventuallyReady(ctx, policy)
			var written tracetest.SpanStub
			Eventually(func(g Gomega) {
				passes := spansWith("reconcile RDPConnectionPolicy", span.Object, s.namespace+"/"+policy.Name)
				i := slices.IndexFunc(passes, func(p tracetest.SpanStub) bool { return slices.Contains(spansBelow(p), "change") })
				g.Expect(i).To(BeNumerically(">=", 0))
				written = passes[i]
			}).Should(Succeed())
			Expect(written.Parent.IsValid()).To(BeFalse())
			Expect(attributeOf(written, span.Generation)).To(Equal("1"))
			Expect(attributeOf(written, span.Reason)).To(Equal(pamv1alpha1.ReasonSynced))
			for _, c := range spansWith("change", span.Result, "committed") {
				if c.Parent.SpanID() == written.SpanContext.SpanID() {
					changes[c.SpanContext.SpanID()] = true
				}
			}
		}
		Expect(changes).To(HaveLen(policies))
		address := strings.TrimPrefix(s.running.URL("sps"), "https://")
		carried := 0
		for _, t := range spansWith("transaction", span.Appliance, address) {
			Expect(t.Parent.IsValid()).To(BeFalse())
			for _, link := range t.Links {
				if changes[link.SpanContext.SpanID()] {
					carried++
				}
			}
			if attributeOf(t, span.Result) == "committed" {
				Expect(spansBelow(t)).To(ContainElements("open", "write", "verify", "commit"))
				Expect(attributeOf(t, span.Changes)).To(Equal(fmt.Sprint(len(t.Links))))
			}
		}
		Expect(carried).To(BeNumerically(">=", policies)) // again, if a change was written twice
		Expect(len(spansWith("transaction", span.Appliance, address))).To(BeNumerically("<", policies))
		Expect(logs.About(`"trace": "`)).NotTo(BeEmpty())
	})

	It("has one trace for a session, from its request to its end", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		session := builder.ActivitySession("traced", append(s.in("nps"), builder.RequestedBy("tester"))...)
		s.create(ctx, session)
		eventuallyReady(ctx, session)
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		name := s.namespace + "/traced"
		Eventually(func() int { return len(spansWith("session", span.Object, name)) }).Should(Equal(1))
		root := spansWith("session", span.Object, name)[0]
		Expect(root.Parent.IsValid()).To(BeFalse())
		Expect(attributeOf(root, span.Phase)).To(Equal(string(pamv1alpha1.SessionCancelled)))
		Expect(root.StartTime).To(BeTemporally("==", session.CreationTimestamp.Time))
		passes := spansWith("reconcile ActivitySession", span.Object, name)
		Expect(len(passes)).To(BeNumerically(">", 1))
		var calls []string
		for _, p := range passes {
			Expect(p.Parent.SpanID()).To(Equal(root.SpanContext.SpanID()))
			Expect(p.SpanContext.TraceID()).To(Equal(root.SpanContext.TraceID()))
			calls = append(calls, spansBelow(p)...)
		}
		Expect(calls).To(ContainElements("request_session", "end_session"))
		lines := logs.About(s.namespace)
		for _, action := range []string{"request", "hand-over", "end"} {
			Expect(lines).To(MatchRegexp(`"action": "%s".*"trace": "%s"`, action, root.SpanContext.TraceID()))
		}
	})
})
