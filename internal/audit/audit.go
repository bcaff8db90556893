// SPDX-License-Identifier: Apache-2.0

// Package audit writes the audit trail: one structured log line for everything that the operator changes on an
// appliance, requests from a server, or refuses to do on behalf of an object.
//
// Each line has the message Message and the keys of Record, each once, which never change, so that a log pipeline can
// select and keep them; reconcileID is that of the pass, and trace, the ID of the trace, is there only if the pass is
// being traced. A line never holds a secret: its values are names, IDs and results that the operator produces itself.
package audit

import (
	"bytes"
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/pam-operator/pam-operator/internal/span"
)

// Message is the message of every line.
const Message = "audit"

// trail is a logger of its own: that of a pass has namespace and name already, and many a log store refuses a line that
// has a key twice.
var trail = logf.Log.WithName(Message)

// Action is what was done or refused.
type Action string

// Actions on an appliance.
const (
	Create    Action = "create"
	Update    Action = "update"
	Repair    Action = "repair" // an update without a change of the spec: another client had changed the appliance
	Delete    Action = "delete"
	Adopt     Action = "adopt"
	Abandon   Action = "abandon" // given up on, although the appliance may still have it
	Terminate Action = "terminate"
	Export    Action = "export" // everything that was asked for is written into ConfigMaps
)

// Actions at a session server.
const (
	Request      Action = "request"
	AdoptSession Action = "adopt-session"
	Extend       Action = "extend"
	End          Action = "end"
	EndDuplicate Action = "end-duplicate"
	Hand         Action = "hand-over" // connection data was written to a Secret
	Over         Action = "over"      // a session was found to be over, whoever ended it
)

// Result is the outcome of an action.
type Result string

// Results.
const (
	Succeeded Result = "succeeded"
	Refused   Result = "refused" // by the appliance or the server
	Denied    Result = "denied"  // by the operator: allowedNamespaces, grants, or another rule of the connection's owner
	Unknown   Result = "unknown" // the outcome is unknown
	Failed    Result = "failed"
)

// Record is one line. Object, Action and Result are always set, the others where they apply.
type Record struct {
	Action Action
	Result Result
	// Object is the object on whose behalf the action was taken.
	Object client.Object
	// Kind is the kind of the object; cached objects do not carry theirs.
	Kind string
	// Who requested the action, where the API server vouches for it.
	Who string
	// Client is what wrote the spec by its own account; see Writer.
	Client string
	// Connection is the connection that was used.
	Connection types.NamespacedName
	// Target is the address of the appliance or server.
	Target string
	// Key and Name are the appliance's ID and name of the changed object; Session is the ID of a session.
	Key, Name, Session string
	// Reason explains the result, in a word or two or by quoting an error that holds no secret.
	Reason string
	// Phase and End are how and when a session ended, and CancelledBy is who ended it by the server's account.
	Phase, End, CancelledBy string
	// Fields are the spec fields that differed.
	Fields []string
}

// Write writes the line, and counts it.
func Write(ctx context.Context, r Record) {
	count(r)
	values := []any{
		"action", r.Action, "result", r.Result, "kind", r.Kind, "namespace", r.Object.GetNamespace(),
		"name", r.Object.GetName(), "uid", r.Object.GetUID(), "generation", r.Object.GetGeneration(),
	}
	for _, v := range []struct{ key, value string }{
		{"who", r.Who}, {"client", r.Client}, {"target", r.Target}, {"key", r.Key}, {"nameOnTarget", r.Name},
		{"session", r.Session}, {"phase", r.Phase}, {"end", r.End}, {"cancelledBy", r.CancelledBy}, {"reason", r.Reason},
		{"reconcileID", string(controller.ReconcileIDFromContext(ctx))}, {"trace", span.TraceID(ctx)},
	} {
		if v.value != "" {
			values = append(values, v.key, v.value)
		}
	}
	if r.Connection.Name != "" {
		values = append(values, "connection", r.Connection.String())
	}
	if len(r.Fields) > 0 {
		values = append(values, "fields", r.Fields)
	}
	trail.Info(Message, values...)
}

// Writer names the last writer of an object's spec: the manager of LastWriter. It is the client's own claim, such as
// kubectl or argocd-controller, and says nothing of the person.
func Writer(obj client.Object) string {
	if last := LastWriter(obj.GetManagedFields()); last != nil {
		return last.Manager
	}
	return ""
}

// LastWriter returns the newest managed-fields entry that covers the object's spec: not a subresource, and not only
// metadata, which the operator writes as well. If no entry lists its fields, as in the manager's cache, it is the
// newest entry that is not of a subresource; nil if there is none.
func LastWriter(fields []metav1.ManagedFieldsEntry) *metav1.ManagedFieldsEntry {
	var last *metav1.ManagedFieldsEntry
	for i := range fields {
		f := &fields[i]
		if f.Subresource == "" && (last == nil || writesSpec(f) && !writesSpec(last) ||
			writesSpec(f) == writesSpec(last) && newer(f, last)) {
			last = f
		}
	}
	return last
}

func writesSpec(f *metav1.ManagedFieldsEntry) bool {
	return f.FieldsV1 != nil && bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(`"f:spec"`))
}

func newer(a, b *metav1.ManagedFieldsEntry) bool {
	return a.Time != nil && (b.Time == nil || b.Time.Before(a.Time))
}
