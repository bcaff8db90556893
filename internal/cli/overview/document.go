// SPDX-License-Identifier: Apache-2.0

package overview

import (
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Document is what `kubectl pam status -o json` prints.
type Document struct {
	printer.Document `json:",inline"`
	Items            []ObjectStatus `json:"items"`
	Summary          Counts         `json:"summary"`
}

// Name is an object's identity.
type Name struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// ObjectStatus is one object.
type ObjectStatus struct {
	Name       `json:",inline"`
	Connection *Name `json:"connection,omitempty"`
	// Status is the verdict of kstatus: Current, InProgress, Failed, Terminating or Unknown.
	Status status.Status `json:"status"`
	Ready  bool          `json:"ready"`
	// State is the word of the table, Reason the reason of the condition Ready.
	State   string            `json:"state"`
	Reason  string            `json:"reason,omitempty"`
	Message string            `json:"message,omitempty"`
	Actor   pamv1alpha1.Actor `json:"actor,omitempty"`
	Since   *time.Time        `json:"since,omitempty"`
	// Generation is the object's, which the status describes if observed is set.
	Generation int64  `json:"generation"`
	Observed   bool   `json:"observed"`
	Key        string `json:"key,omitempty"`
	Position   *int32 `json:"position,omitempty"`
}

// NameOf is the identity of what a reference names.
func NameOf(r cluster.Ref) Name { return Name{r.Kind.Name, r.Namespace, r.Name} }

// Document returns the objects that were asked for.
func (v View) Document() Document {
	d := Document{Document: printer.NewDocument("Status"), Items: []ObjectStatus{}, Summary: v.Count()}
	for _, item := range v.Items() {
		d.Items = append(d.Items, item.document())
	}
	return d
}

func (i Item) document() ObjectStatus {
	out := ObjectStatus{
		Name: NameOf(i.Ref), Status: i.State.Verdict, Ready: i.State.Ready(), State: i.State.Word,
		Reason: i.State.Reason, Message: i.State.Message, Actor: i.State.Actor,
		Generation: i.Object.GetGeneration(), Observed: i.State.Observed,
	}
	if connection, connected := connectionOf(i.Object); connected {
		name := NameOf(connection)
		out.Connection = &name
	}
	if !i.State.Since.IsZero() {
		since := i.State.Since.UTC()
		out.Since = &since
	}
	if policy, is := i.Object.(kinds.PolicyObject); is {
		out.Key = policy.PolicyStatus().Key
	}
	if policy, is := i.Object.(kinds.ConnectionPolicy); is {
		out.Position = policy.CommonStatus().Position
	}
	return out
}
