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
func (o *adoptOptions) summary(outcomes []act.Outcome, written []string) {
	adopted, created, open := 0, 0, 0
	var refused []printer.Row
	for _, each := range outcomes {
		policy, is := each.Object.(kinds.PolicyObject)
		switch {
		case !is || !each.Settled:
			open++
		case !each.State.Ready():
			refused = append(refused, printer.Row{Spill: true, Cells: []printer.Cell{
				{Text: each.Ref.String()}, {Text: each.State.Word, Mark: each.State.Mark}, {Text: each.State.Message},
			}})
		case policy.PolicyStatus().Origin == pamv1alpha1.OriginCreated:
			created++
		default:
			adopted++
		}
	}
	parts := []string{printer.Thousands(adopted) + " adopted", printer.Thousands(len(refused)) + " refused"}
	if created > 0 {
		parts = append(parts, printer.Thousands(created)+" created, because the appliance did not have them")
	}
	if open > 0 {
		parts = append(parts, printer.Thousands(open)+" still in progress")
	}
	mark := printer.MarkReady
	if len(refused)+open > 0 {
		mark = printer.MarkFailed
	}
	o.Say(mark, "%s", strings.Join(append([]string{strings.Join(parts, ", ")}, written...), "; "))
	o.Screen.Table(o.Out, printer.Table{Rows: refused})
	if len(refused) > 0 {
		o.Note(printer.MarkNone, "next: kubectl pam diff shows what differs; change the spec, or take over an object in "+
			"spite of it with kubectl pam adopt KIND/NAME")
	}
}
