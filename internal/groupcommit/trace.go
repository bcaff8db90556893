// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/span"
)

// beginSpan begins the trace of a transaction, if one of its changes is being traced.
func (a *attempt[T]) beginSpan(ctx context.Context, calls []*call[T]) context.Context {
	a.span = span.Of(ctx)
	for _, c := range calls {
		if span.Traced(c.caller) {
			ctx, a.span = span.Carrying(ctx, c.caller, "transaction")
			span.Set(a.span, span.Appliance, a.options.Name)
			break
		}
	}
	return ctx
}

func (a *attempt[T]) endSpan(end ending) {
	result := endings[end]
	if end == finished && len(a.applied) == 0 {
		result = "nothing_to_do"
	}
	span.Set(a.span, span.Result, result)
	span.SetNumber(a.span, span.Changes, int64(len(a.applied)))
	a.span.End()
}

// endings are the results of transactions in traces.
var endings = map[ending]string{
	finished: "committed", spoiled: "spoiled", refused: "refused", conflicted: "conflicted", unknown: "lost",
	aborted: "aborted",
}

// link links the call and the transaction that carries it.
func (c *call[T]) link(transaction trace.Span) { span.Link(c.caller, transaction) }

// traced is step with a span of its own.
func traced(ctx context.Context, name string, limit time.Duration, do func(context.Context) error) error {
	ctx, s := span.Start(ctx, name)
	err := step(ctx, limit, do)
	span.End(s, err)
	return err
}
