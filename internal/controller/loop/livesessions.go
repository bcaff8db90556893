// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// RequestID is the id of the request that was sent for this object, or may have been; empty if none was. It is taken
// from the status, and only while the object has our finalizer: an object that could vanish at any time leaves a
// session behind.
func RequestID(s *pamv1alpha1.ActivitySession) string {
	if id := NewRequestID(s); s.Status.RequestID == id && HasFinalizer(s) {
		return id
	}
	return ""
}

// SessionsOf returns the sessions of a connection, which must not be modified: with thousands of them, copies for each
// request would cost more than everything else that is done for it.
func SessionsOf(
	ctx context.Context, c client.Reader, conn types.NamespacedName,
) ([]pamv1alpha1.ActivitySession, error) {
	var list pamv1alpha1.ActivitySessionList
	err := c.List(ctx, &list, client.MatchingFields{IndexConnection: conn.String()}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// Lives reports whether a session is known to exist at the server and has not ended. The status of a released object no
// longer changes, although its session has ended.
func Lives(s *pamv1alpha1.ActivitySession) bool {
	return s.Status.SessionID != "" && !s.Status.Phase.Terminal() && !IsReleased(s) && !NamesAnother(s)
}

// NamesAnother reports whether a status is that of another object, whose request it names: it was restored or copied,
// and says nothing about this object.
func NamesAnother(s *pamv1alpha1.ActivitySession) bool {
	return s.Status.RequestID != "" && s.Status.RequestID != NewRequestID(s)
}

// AwaitsAnswer reports whether a request was sent whose result is not known.
func AwaitsAnswer(s *pamv1alpha1.ActivitySession) bool {
	return RequestID(s) != "" && s.Status.SessionID == "" && !s.Status.Phase.Terminal()
}

// LiveSessions counts the sessions that were requested through a connection and have not ended.
func LiveSessions(ctx context.Context, c client.Reader, conn types.NamespacedName) (int, error) {
	sessions, err := SessionsOf(ctx, c, conn)
	n := 0
	for i := range sessions {
		if Lives(&sessions[i]) {
			n++
		}
	}
	return n, err
}

// OnLife passes events about a session that begins or ceases to live at the server.
func OnLife() builder.WatchesOption { return builder.WithPredicates(lifeChanges(true)) }

// OnLifeEnd passes events about a session that ceases to live at the server.
func OnLifeEnd() builder.WatchesOption { return builder.WithPredicates(lifeChanges(false)) }

// lifeChanges passes the ends of sessions, and, if beginnings is set, their beginnings.
func lifeChanges(beginnings bool) predicate.Funcs {
	alive := func(o client.Object) bool {
		s, ok := o.(*pamv1alpha1.ActivitySession)
		return ok && Lives(s)
	}
	waits := func(o client.Object) bool {
		s, ok := o.(*pamv1alpha1.ActivitySession)
		return ok && AwaitsAnswer(s)
	}
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, now := alive(e.ObjectOld), alive(e.ObjectNew)
			freed := waits(e.ObjectOld) && !waits(e.ObjectNew) && !now
			return freed || before != now && (before || beginnings)
		},
		DeleteFunc:  func(e event.DeleteEvent) bool { return alive(e.Object) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// NewRequestID is the text by which a request is recognised at the server. It contains no blank, so that it is one word
// in a note.
func NewRequestID(s *pamv1alpha1.ActivitySession) string {
	return "pam-operator/" + string(s.UID) + "/1"
}
