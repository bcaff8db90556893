// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// logsOptions are those of `kubectl pam session logs`.
type logsOptions struct {
	named
	output printer.Format
}

func newLogs(f *frame.Frame) *cobra.Command {
	o := &logsOptions{named: named{Frame: f}}
	cmd := o.command(&cobra.Command{
		Use: "logs NAME", Short: "Show what happened to a session",
		Long:    "Show the steps of a session, the server's last error lines if it failed, and the Events.",
		Example: "  kubectl pam session logs linux-root-x7k2p",
	}, o)
	frame.AddOutput(cmd, &o.output, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

// LogLine is a step, a line of the server's log, or an Event.
type LogLine struct {
	Time    *time.Time `json:"time,omitempty"`
	Source  string     `json:"source"`
	What    string     `json:"what,omitempty"`
	Message string     `json:"message,omitempty"`
}

// LogDocument is what `kubectl pam session logs -o json` prints.
type LogDocument struct {
	printer.Document `json:",inline"`
	Items            []LogLine `json:"items"`
}

// Run prints what happened.
func (o *logsOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	s, err := o.get(ctx, c)
	if err != nil {
		return err
	}
	lines := history(s)
	events, err := eventsOf(ctx, c, s)
	if err != nil { // what the object itself says needs no right to read Events
		o.Note(printer.MarkUnknown, "without Events: %v", err)
	}
	lines = append(lines, events...)
	if o.output.Structured() {
		return o.output.Print(o.Out, LogDocument{printer.NewDocument("SessionLog"), lines})
	}
	for _, line := range lines {
		at := "                    "
		if line.Time != nil {
			at = line.Time.UTC().Format(time.RFC3339)
		}
		text := fmt.Sprintf("%s  %-6s  %-20s %s", at, line.Source, line.What, line.Message)
		fmt.Fprintln(o.Out, strings.TrimRight(printer.Clean(text), " "))
	}
	return nil
}

// history is what the status says.
func history(s *pamv1alpha1.ActivitySession) []LogLine {
	lines := []LogLine{}
	for _, step := range s.Status.History {
		at := step.Time.UTC()
		lines = append(lines, LogLine{&at, "phase", string(step.Phase), step.Message})
	}
	if f := s.Status.Failure; f != nil {
		lines = append(lines, LogLine{nil, "failed", f.Reason, f.Message})
		for _, text := range f.Log {
			lines = append(lines, LogLine{nil, "server", "", text})
		}
	}
	return lines
}

// eventsOf are the Events about a session, oldest first.
func eventsOf(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) ([]LogLine, error) {
	list := &corev1.EventList{}
	about := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("involvedObject.uid", string(s.UID))}
	if err := c.List(ctx, list, client.InNamespace(s.Namespace), about); err != nil {
		return nil, err
	}
	var lines []LogLine
	for _, e := range list.Items {
		at := e.LastTimestamp.UTC()
		if e.LastTimestamp.IsZero() {
			at = e.EventTime.UTC()
		}
		lines = append(lines, LogLine{&at, "event", e.Reason, e.Message})
	}
	slices.SortStableFunc(lines, func(a, b LogLine) int { return a.Time.Compare(*b.Time) })
	return lines, nil
}
