// SPDX-License-Identifier: Apache-2.0

// Package act changes our objects and waits for what comes of it.
package act

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Outcome is what became of an object.
type Outcome struct {
	Ref cluster.Ref
	// Object is what was last seen; nil if it is gone.
	Object kinds.Object
	State  state.State
	// Settled is false if nothing came of it within the time limit.
	Settled bool
	// After is how long it took.
	After time.Duration
}

// Wait says what to wait for.
type Wait struct {
	// Before is called with each snapshot before it is judged; nil does nothing. Its error ends the wait.
	Before func(cluster.Snapshot) error
	// Settled reports whether there is nothing more to wait for. An object that is gone has settled.
	Settled func(kinds.Object, state.State) bool
	// FailFast ends the wait for all as soon as one has settled and will not become ready by itself.
	FailFast bool
	// Tell is told how many have settled; nil tells nobody.
	Tell func(settled, all int)
}

// Settle waits until all objects have settled. If the time limit passes before, the outcomes say which have not.
func Settle(ctx context.Context, c *cluster.Client, refs []cluster.Ref, w Wait) ([]Outcome, error) {
	began := time.Now()
	found := map[cluster.ID]Outcome{}
	err := c.Follow(ctx, refs, func(s cluster.Snapshot) (bool, error) {
		if w.Before != nil {
			if err := w.Before(s); err != nil {
				return false, err
			}
		}
		count, failed := 0, false
		for _, ref := range refs {
			before := found[ref.ID()]
			if before.Settled {
				count++
				continue
			}
			now := Outcome{Ref: ref, After: time.Since(began)}
			if o, there := s.Find(ref); there {
				now.Object, now.State = o, state.Of(o)
				now.Settled = w.Settled(o, now.State)
			} else {
				now.Settled = true
			}
			found[ref.ID()] = now
			if now.Settled {
				count++
				failed = failed || now.State.Stuck()
			}
		}
		if w.Tell != nil {
			w.Tell(count, len(refs))
		}
		return count == len(refs) || failed && w.FailFast, nil
	})
	out := make([]Outcome, 0, len(refs))
	for _, ref := range refs {
		o, seen := found[ref.ID()]
		if !seen {
			o.Ref = ref
		}
		out = append(out, o)
	}
	return out, err
}

// Decided reports whether the operator has looked at an object as it is now, and nothing goes on.
func Decided(_ kinds.Object, s state.State) bool {
	return s.Observed && s.Mark != printer.MarkUnderWay || s.Stuck()
}

// Report prints outcomes.
type Report struct {
	*frame.Frame
	// Kind is that of the document.
	Kind   string
	Format printer.Format
}

// Result is an object in a printed document.
type Result struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Result is what was done, or its outcome, in one word.
	Result  string `json:"result"`
	Ready   bool   `json:"ready"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// DryRun is set if it was not really done.
	DryRun bool `json:"dryRun,omitempty"`
}

// Results is a printed document.
type Results struct {
	printer.Document `json:",inline"`
	Items            []Result `json:"items"`
}

// Outcomes prints the outcomes of a wait.
func (r Report) Outcomes(outcomes []Outcome) error {
	results := make([]Result, 0, len(outcomes))
	for _, o := range outcomes {
		results = append(results, resultOf(o))
	}
	if r.Format != printer.FormatText {
		return r.Print(results)
	}
	for _, o := range outcomes {
		line := place(o.Ref, r.Frame) + "  " + word(o)
		if o.Settled && o.After > 0 {
			line += "  (" + o.After.Round(100*time.Millisecond).String() + ")"
		}
		r.Say(o.State.Mark, "%s", line)
		if !o.State.Ready() && o.State.Message != "" {
			r.Say(printer.MarkNone, "    %s", o.State.Message)
		}
	}
	return nil
}

// Answer prints the outcomes of a wait, and returns the error that ended it, or "no" if an object is not ready.
func (r Report) Answer(outcomes []Outcome, err error) error {
	if printed := r.Outcomes(outcomes); printed != nil {
		return printed
	}
	return Answer(outcomes, err)
}

// Answer returns the error that ended a wait, or "no" if an object is not ready.
func Answer(outcomes []Outcome, err error) error {
	if err == nil && slices.ContainsFunc(outcomes, func(o Outcome) bool { return !o.State.Ready() }) {
		return frame.No()
	}
	return err
}

// Would says what a dry run has not done.
func (r Report) Would(text string, results ...Result) error {
	if r.Format == printer.FormatText {
		r.Say(printer.MarkNone, "%s", text)
		return nil
	}
	for i := range results {
		results[i].DryRun = true
	}
	return r.Print(results)
}

// ResultOf is an object to which something was done.
func ResultOf(o kinds.Object, result string) Result {
	ref := cluster.RefOf(o)
	return Result{Kind: ref.Kind.Name, Namespace: ref.Namespace, Name: ref.Name, Result: result}
}

// Print writes results that were wanted as a document, or as names.
func (r Report) Print(results []Result) error {
	if r.Format.Structured() {
		return r.Format.Print(r.Out, Results{printer.NewDocument(r.Kind), slices.Clip(append([]Result{}, results...))})
	}
	for _, result := range results {
		kind, _ := kinds.Named(result.Kind)
		r.Say(printer.MarkNone, "%s", cluster.Ref{Kind: kind, Name: result.Name}.FullName())
	}
	return nil
}

func resultOf(o Outcome) Result {
	return Result{
		Kind: o.Ref.Kind.Name, Namespace: o.Ref.Namespace, Name: o.Ref.Name, Result: word(o), Ready: o.State.Ready(),
		Reason: o.State.Reason, Message: o.State.Message,
	}
}

func word(o Outcome) string {
	if o.Object == nil && o.State.Word == "" {
		return "Deleted"
	}
	return o.State.Word
}

// place is an object with its namespace, unless that is the one everything is in.
func place(ref cluster.Ref, f *frame.Frame) string {
	if namespace, err := f.Namespace(); err == nil && namespace == ref.Namespace {
		return ref.String()
	}
	return strings.Join([]string{ref.Namespace, ref.String()}, "/")
}

// Now are objects that nobody waits for.
func Now(objects []kinds.Object) []Outcome {
	out := make([]Outcome, 0, len(objects))
	for _, o := range objects {
		out = append(out, Outcome{Ref: cluster.RefOf(o), Object: o, State: state.Of(o)})
	}
	return out
}

// Tell shows how far a wait for many objects is. For one there is nothing to count.
func Tell(progress *frame.Progress, count int) func(settled, all int) {
	return func(settled, all int) {
		if count > 1 {
			progress.Show("waiting: %s of %s", printer.Thousands(settled), printer.Thousands(all))
		}
	}
}
