// SPDX-License-Identifier: Apache-2.0

// Package difference is how appliances differ from specs, as the operator found it.
package difference

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Difference is how the appliance differs from the spec of one object.
type Difference struct {
	Ref cluster.Ref
	// Name is the one at the appliance, Connection the way there, Key the appliance's own.
	Name, Connection, Key string
	Fields                []pamv1alpha1.DriftedField
	// More is how many fields differ beside those listed.
	More int
	// Why is why the difference is not repaired.
	Why string
	// Unknown is why the object could not be compared; empty if it could.
	Unknown string
}

// List is the differences of objects.
type List []Difference

// Differs reports whether a field differs.
func (d Difference) Differs() bool { return len(d.Fields) > 0 }

// Matters reports whether the object is anything but equal.
func (d Difference) Matters() bool { return d.Differs() || d.Unknown != "" }

// Of are the differences of all policy objects among those given, in their order by name.
func Of(objects []kinds.Object) List {
	out := List{}
	for _, o := range objects {
		if policy, is := o.(kinds.PolicyObject); is {
			out = append(out, of(policy))
		}
	}
	slices.SortStableFunc(out, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Ref.Namespace, b.Ref.Namespace), strings.Compare(a.Ref.String(), b.Ref.String()))
	})
	return out
}

func of(o kinds.PolicyObject) Difference {
	is, status := state.Of(o), o.PolicyStatus()
	d := Difference{
		Ref: cluster.RefOf(o), Name: o.NameOnAppliance(), Connection: o.Connection().Name, Key: status.Key,
		Fields: status.Drift,
	}
	if status.DriftCount != nil {
		d.More = max(0, int(*status.DriftCount)-len(status.Drift))
	}
	switch {
	case d.Differs():
		d.Why = why(o, is)
	case !is.Ready():
		d.Unknown = cmp.Or(is.Message, is.Word)
	}
	return d
}

// why is why a difference stays.
func why(o kinds.PolicyObject, is state.State) string {
	policies := o.ManagementPolicies()
	switch is.Reason {
	case pamv1alpha1.ReasonAdoptionRefused:
		adoption := cmp.Or(policies.AdoptionPolicy, pamv1alpha1.AdoptionPolicyIfIdentical)
		return "adoptionPolicy is " + string(adoption)
	case pamv1alpha1.ReasonDriftDetected:
		return "managementPolicy is " + string(cmp.Or(policies.ManagementPolicy, pamv1alpha1.ManagementPolicyManage))
	case pamv1alpha1.ReasonSuspended:
		return "the object or its connection is suspended"
	}
	return strings.TrimSuffix(cmp.Or(is.Message, is.Word), ".")
}

// Print writes one difference like a unified diff, by parts of the spec.
func (d Difference) Print(out io.Writer, s printer.Screen) {
	where := d.Name + " on " + d.Connection
	if d.Key != "" {
		where += ", key " + d.Key
	}
	fmt.Fprintf(out, "%s  (%s)\n", d.Ref, printer.Clean(where))
	fmt.Fprintln(out, s.Paint(printer.MarkFailed, "--- appliance"))
	fmt.Fprintln(out, s.Paint(printer.MarkReady, "+++ spec"))
	part := ""
	for _, field := range d.Fields {
		top, below, nested := strings.Cut(field.Path, ".")
		if !nested {
			below = top
		}
		if top != part {
			part = top
			fmt.Fprintln(out, s.Paint(printer.MarkUnderWay, "@@ "+printer.Clean(top)+" @@"))
		}
		line := func(sign, value string, mark printer.Mark) {
			if value != "" {
				fmt.Fprintln(out, s.Paint(mark, sign+"  "+printer.Clean(below+": "+value)))
			}
		}
		line("-", field.Actual, printer.MarkFailed)
		line("+", field.Desired, printer.MarkReady)
	}
	fmt.Fprintln(out, d.last())
}

// last is the line that sums up.
func (d Difference) last() string {
	count := len(d.Fields) + d.More
	text := printer.Plural(count, "field differs", "fields differ")
	if d.More > 0 {
		text += fmt.Sprintf(", of which %d are shown", len(d.Fields))
	}
	return text + ". Not repaired: " + printer.Clean(d.Why) + "."
}
