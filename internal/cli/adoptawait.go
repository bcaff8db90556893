// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// awaiting is how what was applied is waited for.
func (o *adoptOptions) awaiting(ctx context.Context, c *cluster.Client, all adoptions) act.Wait {
	byID := make(map[cluster.ID]*adoption, len(all))
	for _, each := range all {
		byID[each.ref.ID()] = each
	}
	return act.Wait{
		Before: func(s cluster.Snapshot) error { return frame.Cause(ctx, o.applyAll(ctx, c, all.seen(s))) },
		Settled: func(o kinds.Object, s state.State) bool {
			each := byID[cluster.IDOf(o)]
			return each.refused != nil || o.GetGeneration() >= each.generation && act.Decided(o, s) && !all.arrives(s)
		},
	}
}

// seen are those that the operator has seen at the appliance. They need not only observe any longer.
func (a adoptions) seen(s cluster.Snapshot) adoptions {
	var out adoptions
	for _, each := range a {
		if !each.observing || each.refused != nil {
			continue
		}
		o, there := s.Find(each.ref)
		if policy, is := o.(kinds.PolicyObject); there && is && o.GetGeneration() >= each.generation && onAppliance(policy) {
			each.observing = false
			out = append(out, each)
		}
	}
	return out
}

// onAppliance reports whether the operator has compared an object that only observes: it is equal, or fields differ.
func onAppliance(o kinds.PolicyObject) bool {
	s := state.Of(o)
	return s.Ready() ||
		s.Observed && s.Reason == pamv1alpha1.ReasonDriftDetected && len(o.PolicyStatus().Drift) > 0
}

// arrives reports whether an object waits for one that was applied with it, and that the operator has not seen yet.
func (a adoptions) arrives(s state.State) bool {
	return s.Reason == pamv1alpha1.ReasonReferenceNotFound && slices.ContainsFunc(a, func(each *adoption) bool {
		return each.refused == nil &&
			strings.Contains(s.Message, fmt.Sprintf(": %s %s does not exist", each.ref.Kind.Name, each.ref.Key()))
	})
}

// Words for what became of a manifest, beside the reasons of Ready.
const (
	wordNotApplied     = "NotApplied"
	wordNotOnAppliance = "NotOnAppliance"
)

// explain says in the outcomes, which are in the same order, what the status of the objects does not say.
func (a adoptions) explain(outcomes []act.Outcome) {
	for i, each := range a {
		is := &outcomes[i].State
		policy, seen := outcomes[i].Object.(kinds.PolicyObject)
		switch {
		case each.refused != nil:
			outcomes[i].Settled = true
			*is = state.State{Mark: printer.MarkFailed, Word: wordNotApplied, Message: each.refused.Error()}
		case each.observing && seen && is.Reason == pamv1alpha1.ReasonDriftDetected:
			is.Word = wordNotOnAppliance
			is.Message = fmt.Sprintf("the appliance has no %q, and nothing was created: the object only observes; set "+
				"managementPolicy: Manage to have it created, or delete it", policy.NameOnAppliance())
		}
	}
}
