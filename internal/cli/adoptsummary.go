// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// summary counts what was adopted, and shows what was not.
func (o *adoptOptions) summary( //nolint:cyclop // a list of cases
	outcomes []act.Outcome, before commits, written []string,
) {
	adopted, created, absent, refused, open, differs := 0, 0, 0, 0, 0, false
	rows := make([]printer.Row, 0, len(outcomes))
	for _, each := range outcomes {
		policy, is := each.Object.(kinds.PolicyObject)
		switch {
		case !each.Settled, !is && !each.State.Stuck():
			open++
			continue
		case each.State.Word == wordNotOnAppliance:
			absent++
		case !each.State.Ready():
			refused++
		case policy.PolicyStatus().Origin == pamv1alpha1.OriginCreated && !before.managed[path(each.Ref)]:
			created++
			continue
		default:
			adopted++
			continue
		}
		rows = append(rows, o.row(each))
		differs = differs || each.State.Word != wordNotApplied && each.State.Word != wordNotOnAppliance
	}
	parts := []string{printer.Thousands(adopted) + " adopted", printer.Thousands(refused) + " refused"}
	for _, some := range []struct {
		count int
		what  string
	}{
		{absent, " not on the appliance"}, {created, " created, because the appliance did not have them"},
		{open, " still in progress"},
	} {
		if some.count > 0 {
			parts = append(parts, printer.Thousands(some.count)+some.what)
		}
	}
	mark := printer.MarkReady
	if len(rows)+open > 0 {
		mark = printer.MarkFailed
	}
	o.Say(mark, "%s", strings.Join(append([]string{strings.Join(parts, ", ")}, written...), "; "))
	o.Screen.Table(o.Out, printer.Table{Rows: rows})
	if differs {
		o.Note(printer.MarkNone, "next: kubectl pam diff shows what differs; change the spec, or take over an object in "+
			"spite of it with kubectl pam adopt KIND/NAME")
	}
	if open > 0 && len(o.files) > 0 {
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
