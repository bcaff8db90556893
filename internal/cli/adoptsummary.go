// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// result is what became of an object.
type result int

const (
	adopted result = iota
	refused
	absent
	created
	unsettled
	results
)

// counted is how the results are counted, in this order.
var counted = [results]string{
	" adopted", " refused", " not on the appliance", " created, because the appliance did not have them",
	" still in progress",
}

func (a adoptions) resultOf(each act.Outcome) result {
	policy, is := each.Object.(kinds.PolicyObject)
	switch {
	case !each.Settled, !is && !each.State.Stuck():
		return unsettled
	case each.State.Word == wordNotOnAppliance:
		return absent
	case !each.State.Ready():
		return refused
	case policy.PolicyStatus().Origin == pamv1alpha1.OriginCreated && !a.managed(each.Ref):
		return created
	}
	return adopted
}

// summary counts what was adopted, and shows what was not.
func (o *adoptOptions) summary(outcomes []act.Outcome, all adoptions) {
	var counts [results]int
	differs := false
	rows := make([]printer.Row, 0, len(outcomes))
	for _, each := range outcomes {
		is := all.resultOf(each)
		counts[is]++
		if is == absent || is == refused {
			rows = append(rows, o.row(each))
			differs = differs || is == refused && each.State.Word != wordNotApplied
		}
	}
	var parts []string
	for is, count := range counts {
		if count > 0 || result(is) <= refused {
			parts = append(parts, printer.Thousands(count)+counted[is])
		}
	}
	mark := printer.MarkReady
	if len(rows)+counts[unsettled] > 0 {
		mark = printer.MarkFailed
	}
	o.Say(mark, "%s", strings.Join(parts, ", "))
	o.Screen.Table(o.Out, printer.Table{Rows: rows})
	if differs {
		o.Note(printer.MarkNone, "next: kubectl pam diff shows what differs; change the spec, or take over an object in "+
			"spite of it with kubectl pam adopt KIND/NAME")
	}
	if counts[unsettled] > 0 && len(o.files) > 0 {
		o.Note(printer.MarkNone, "next: run the command again; until then, what the operator could not compare yet only "+
			"observes")
	}
}

// leastIndent is that of the lines below a row.
const leastIndent = 6

// row is an object that was not adopted. All of the message is shown, because it says what to do.
func (o *adoptOptions) row(of act.Outcome) printer.Row {
	row := printer.Row{Cells: []printer.Cell{
		{Text: of.Ref.String()}, {Text: of.State.Word, Mark: of.State.Mark}, {Text: of.State.Message},
	}}
	if o.Screen.Cut {
		row.Cells, row.Below = row.Cells[:2], o.Screen.WrapTo(of.State.Message, o.Screen.Width-leastIndent)
	}
	return row
}
