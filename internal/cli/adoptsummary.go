// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
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
		parts = append(parts, printer.Thousands(open)+" still under way")
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

// commits are the last commits of the connections that objects go through, as far as they may be read.
func commits(ctx context.Context, c *cluster.Client, objects []kinds.Object) map[client.ObjectKey]string {
	out := map[client.ObjectKey]string{}
	for _, o := range objects {
		through, is := o.(kinds.Connected)
		if !is {
			continue
		}
		to := through.Connection()
		key := client.ObjectKey{Namespace: cmp.Or(to.Namespace, o.GetNamespace()), Name: to.Name}
		if _, known := out[key]; known {
			continue
		}
		if last, readable := lastCommit(ctx, c, key); readable {
			out[key] = last
		}
	}
	return out
}

func lastCommit(ctx context.Context, c *cluster.Client, key client.ObjectKey) (commit string, readable bool) {
	connection := &pamv1alpha1.SPSConnection{}
	if err := c.Get(ctx, key, connection); err != nil {
		return "", false
	}
	if last := connection.Status.LastCommit; last != nil {
		return last.Time.String(), true
	}
	return "", true
}

// committed says of each connection whether something was committed meanwhile.
func committed(ctx context.Context, c *cluster.Client, before map[client.ObjectKey]string) []string {
	var out []string
	for _, key := range slices.SortedFunc(maps.Keys(before), func(a, b client.ObjectKey) int {
		return strings.Compare(a.String(), b.String())
	}) {
		after, readable := lastCommit(ctx, c, key)
		switch {
		case !readable:
		case after == before[key]:
			out = append(out, fmt.Sprintf("%s: nothing was committed", key.Name))
		default:
			out = append(out, fmt.Sprintf("%s: changes were committed", key.Name))
		}
	}
	return out
}
