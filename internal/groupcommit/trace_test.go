// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// doAll makes changes at the same time, each in a trace of its own if there is a tracer.
func doAll(ctx context.Context, c *groupcommit.Committer[*tx], tracer trace.Tracer, names ...string) {
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			caller := ctx
			if tracer != nil {
				traced, s := tracer.Start(ctx, "change")
				defer s.End()
				caller = traced
			}
			_ = c.Do(caller, groupcommit.Identity{}, put(name))
		})
	}
	all.Wait()
}

func TestATransactionIsATraceLinkedToItsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := tracetest.NewSpanRecorder()
		tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r)).Tracer("test")
		s := newStore()
		s.writeTime, s.commitTime = time.Second, 5*time.Second
		c := groupcommit.New(groupcommit.Options[*tx]{Name: "sps.example.com", Store: s, Classify: classify})
		doAll(t.Context(), c, tracer, "a", "b", "c")
		doAll(t.Context(), c, nil, "not traced")
		synctest.Wait()

		var transaction sdktrace.ReadOnlySpan
		changes := map[trace.SpanID]sdktrace.ReadOnlySpan{}
		for _, s := range r.Ended() {
			switch s.Name() {
			case "transaction":
				transaction = s
			case "change":
				changes[s.SpanContext().SpanID()] = s
			}
		}
		if transaction == nil || transaction.Parent().IsValid() || len(changes) != 3 || len(transaction.Links()) != 3 {
			t.Fatalf("not one transaction with three links: %v", r.Ended())
		}
		for _, link := range transaction.Links() {
			change := changes[link.SpanContext.SpanID()]
			if change == nil || change.SpanContext().TraceID() == transaction.SpanContext().TraceID() ||
				len(change.Links()) != 1 || !change.Links()[0].SpanContext.Equal(transaction.SpanContext()) {
				t.Errorf("the link leads to %v", change)
			}
		}
		if diff := cmp.Diff([]string{"open 0s", "write 3s", "verify 0s", "commit 5s"},
			below(r, transaction)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff([]string{
			"pam.appliance=sps.example.com", "pam.changes=3", "pam.result=committed",
		}, attributes(transaction)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestWhatBecameOfATransactionIsInItsTrace(t *testing.T) {
	for name, tt := range map[string]struct {
		faults faults
		want   []string
	}{
		"a lock":           {faults{begin: always(errLocked)}, []string{"pam.changes=0", "pam.result=aborted"}},
		"a refused commit": {faults{commit: refuses("a")}, []string{"pam.changes=1", "pam.result=refused"}},
		"a lost commit":    {faults{commit: refusal(errFailed)}, []string{"pam.changes=1", "pam.result=lost"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := tracetest.NewSpanRecorder()
				tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r)).Tracer("test")
				s := newStore()
				s.faults = tt.faults
				doAll(t.Context(), groupcommit.New(groupcommit.Options[*tx]{Store: s, Classify: classify}), tracer, "a")
				synctest.Wait()
				i := slices.IndexFunc(r.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Name() == "transaction" })
				if i < 0 {
					t.Fatal("the transaction has no trace")
				}
				if diff := cmp.Diff(tt.want, attributes(r.Ended()[i])); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				for _, s := range r.Ended() {
					if s.Status().Description != "" || len(s.Events()) > 0 {
						t.Errorf("%s shows the error: %v %v", s.Name(), s.Status(), s.Events())
					}
				}
			})
		})
	}
}

// below are the spans below another one, with how long they took.
func below(r *tracetest.SpanRecorder, parent sdktrace.ReadOnlySpan) []string {
	var out []string
	for _, s := range r.Ended() {
		if s.Parent().SpanID() == parent.SpanContext().SpanID() {
			out = append(out, fmt.Sprint(s.Name(), " ", s.EndTime().Sub(s.StartTime())))
		}
	}
	return out
}

func attributes(s sdktrace.ReadOnlySpan) []string {
	var out []string
	for _, a := range s.Attributes() {
		out = append(out, string(a.Key)+"="+a.Value.String())
	}
	slices.Sort(out)
	return out
}
