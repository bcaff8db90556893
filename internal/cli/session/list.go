// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// listOptions are those of `kubectl pam session list`.
type listOptions struct {
	*frame.Frame
	frame.Plain
	allNamespaces bool
	live          bool
	connection    string
	output        printer.Format
}

func newList(f *frame.Frame) *cobra.Command {
	o := &listOptions{Frame: f}
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List sessions and when they end",
		Long:    "List sessions: those that can be used first, and then by age.",
		Example: "  kubectl pam session list -n payments\n  kubectl pam session list -A --live",
		Args:    cobra.NoArgs, RunE: f.RunE(o),
	}
	cmd.Flags().BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "In all namespaces")
	cmd.Flags().BoolVar(&o.live, "live", false, "Only sessions that are not over")
	cmd.Flags().StringVar(&o.connection, "connection", "", "Only sessions of this NPSConnection")
	frame.CompleteFlag(f, cmd, "connection", kinds.NPSConnection)
	frame.AddOutput(cmd, &o.output, printer.FormatWide, printer.FormatJSON, printer.FormatYAML,
		printer.FormatName)
	return cmd
}

// Run lists the sessions.
func (o *listOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	namespace := c.Namespace
	if o.allNamespaces {
		namespace = ""
	}
	objects, err := c.ListKinds(ctx, []kinds.Kind{kinds.Of[*pamv1alpha1.ActivitySession]()}, namespace)
	if err != nil {
		return err
	}
	sessions := o.chosen(objects)
	switch {
	case o.output.Structured():
		return o.output.Print(o.Out, listOf(sessions))
	case o.output == printer.FormatName:
		for _, s := range sessions {
			fmt.Fprintln(o.Out, refOf(s).FullName())
		}
		return nil
	case len(sessions) == 0:
		o.Note(printer.MarkNone, "there are no sessions")
		return nil
	}
	o.table(sessions)
	return nil
}

// chosen are the sessions to show, in order.
func (o *listOptions) chosen(objects []kinds.Object) []*pamv1alpha1.ActivitySession {
	var out []*pamv1alpha1.ActivitySession
	for _, each := range objects {
		s, is := each.(*pamv1alpha1.ActivitySession)
		if !is || o.live && s.Status.Phase.Terminal() || o.connection != "" && s.Spec.ConnectionRef.Name != o.connection {
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *pamv1alpha1.ActivitySession) int {
		return cmp.Or(cmp.Compare(over(a), over(b)), b.CreationTimestamp.Compare(a.CreationTimestamp.Time),
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return out
}

func over(s *pamv1alpha1.ActivitySession) int {
	if s.Status.Phase.Terminal() {
		return 1
	}
	return 0
}

func (o *listOptions) table(sessions []*pamv1alpha1.ActivitySession) {
	o.Screen.Cut = o.Screen.Cut && o.output != printer.FormatWide
	t := printer.Table{Header: []string{"NAME", "STATE", "ACTIVITY", "TARGET", "BY", "ENDS", "AGE"}}
	if o.output == printer.FormatWide {
		t.Header = append(t.Header, "CONNECTION", "SECRET", "SESSION ID")
	}
	if o.allNamespaces {
		t.Header = append([]string{"NAMESPACE"}, t.Header...)
	}
	for _, s := range sessions {
		is := state.Of(s)
		ends := "-"
		if at, known := state.Ends(s); known {
			ends = printer.Age(at, o.Now())
		}
		cells := []printer.Cell{
			{Text: s.Name}, {Text: is.Word, Mark: is.Mark}, {Text: cmp.Or(s.Spec.Activity.Name, s.Spec.Activity.ID)},
			{Text: target(s)}, {Text: s.Spec.RequestedBy}, {Text: ends},
			{Text: printer.Age(o.Now(), s.CreationTimestamp.Time)},
		}
		if o.output == printer.FormatWide {
			secret := ""
			if s.Status.ConnectionSecretRef != nil {
				secret = s.Status.ConnectionSecretRef.Name
			}
			cells = append(cells, printer.Texts(s.Spec.ConnectionRef.Name, secret, s.Status.SessionID)...)
		}
		if o.allNamespaces {
			cells = append(printer.Texts(s.Namespace), cells...)
		}
		t.Rows = append(t.Rows, printer.Row{Cells: cells})
	}
	o.Screen.Table(o.Out, t)
}

// target is where a session goes, or with which credential.
func target(s *pamv1alpha1.ActivitySession) string {
	if r := s.Spec.Resource; r != nil {
		return cmp.Or(r.Name, r.ID)
	}
	if c := s.Spec.Credential; c != nil {
		return cmp.Or(c.Name, c.ID, strings.TrimPrefix(c.Domain+`\`+c.Username, `\`))
	}
	return ""
}

// Document is a session in a printed document. It has nothing of the Secret but its name.
type Document struct {
	Namespace  string                   `json:"namespace"`
	Name       string                   `json:"name"`
	Phase      pamv1alpha1.SessionPhase `json:"phase"`
	Ready      bool                     `json:"ready"`
	Reason     string                   `json:"reason,omitempty"`
	Message    string                   `json:"message,omitempty"`
	Connection string                   `json:"connection"`
	Activity   string                   `json:"activity"`
	Target     string                   `json:"target"`
	By         string                   `json:"requestedBy,omitempty"`
	Protocol   pamv1alpha1.Protocol     `json:"protocol,omitempty"`
	SessionID  string                   `json:"sessionID,omitempty"`
	Secret     string                   `json:"secret,omitempty"`
	Created    time.Time                `json:"created"`
	ExpiresAt  *time.Time               `json:"expiresAt,omitempty"`
}

func toDocument(s *pamv1alpha1.ActivitySession) Document {
	is := state.Of(s)
	d := Document{
		Namespace: s.Namespace, Name: s.Name, Phase: s.Status.Phase, Ready: is.Ready(), Reason: is.Reason,
		Message: is.Message, Connection: s.Spec.ConnectionRef.Name,
		Activity: cmp.Or(s.Spec.Activity.Name, s.Spec.Activity.ID), Target: target(s), By: s.Spec.RequestedBy,
		Protocol: s.Status.Protocol, SessionID: s.Status.SessionID, Created: s.CreationTimestamp.UTC(),
	}
	if ref := s.Status.ConnectionSecretRef; ref != nil {
		d.Secret = ref.Name
	}
	if at, known := state.Ends(s); known {
		utc := at.UTC()
		d.ExpiresAt = &utc
	}
	return d
}

// OneDocument is what `kubectl pam session start -o json` prints.
type OneDocument struct {
	printer.Document `json:",inline"`
	Session          Document `json:"session"`
}

// ListDocument is what `kubectl pam session list -o json` prints.
type ListDocument struct {
	printer.Document `json:",inline"`
	Items            []Document `json:"items"`
}

func documentOf(kind string, s *pamv1alpha1.ActivitySession) any {
	return OneDocument{printer.NewDocument(kind), toDocument(s)}
}

func listOf(sessions []*pamv1alpha1.ActivitySession) any {
	d := ListDocument{printer.NewDocument("SessionList"), []Document{}}
	for _, s := range sessions {
		d.Items = append(d.Items, toDocument(s))
	}
	return d
}
