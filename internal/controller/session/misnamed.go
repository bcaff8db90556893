// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// This file finds the field that a refusal is about. NPS has no error codes, so what it offers is compared with what
// was requested. A list that cannot be read, or that is not all there is, says nothing.

// explain is the reason for a refusal, and the message for the author of the request.
func (r *requester) explain(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, cause error,
) (reason, message string) {
	if rest.IsNotFound(cause) || rest.IsRejected(cause) {
		if message := r.misnamed(ctx, server, s, rest.IsNotFound(cause)); message != "" {
			return pamv1alpha1.ReasonReferenceNotFound, message +
				"; correct it in a new ActivitySession, or have the server's administrator add it"
		}
	}
	return pamv1alpha1.ReasonRejected, inWords(cause)
}

// inWords is an error that begins with what a server said; which call it answered comes last.
func inWords(err error) string {
	answer := rest.As(err)
	if answer == nil || answer.Status == 0 || err.Error() != answer.Error() { // words of our own are before it
		return err.Error()
	}
	return fmt.Sprintf("the server answers: %s (%d to %s %s)",
		answer.Said(), answer.Status, answer.Method, answer.Path)
}

// misnamed says which name the server does not offer; empty if it offers all of them, or does not say. A resource that
// it does not offer for the activity may exist, and no policy allow it: only a 404 means that it does not.
func (r *requester) misnamed(
	ctx context.Context, server *sessions.Server, s *pamv1alpha1.ActivitySession, missing bool,
) string {
	offered, complete, err := server.Client().Activities(ctx)
	if err != nil || !complete {
		return ""
	}
	i := slices.IndexFunc(offered, func(o nps.Offer) bool { return isOffered(s.Spec.Activity, o) })
	if i < 0 {
		return r.unknown(ctx, s, "activity", s.Spec.Activity, offered)
	}
	if s.Spec.Resource == nil || !missing {
		return ""
	}
	offered, complete, err = server.Client().Resources(ctx, offered[i])
	if err != nil || !complete ||
		slices.ContainsFunc(offered, func(o nps.Offer) bool { return isOffered(*s.Spec.Resource, o) }) {
		return ""
	}
	return r.unknown(ctx, s, "resource", *s.Spec.Resource, offered)
}

func isOffered(wanted pamv1alpha1.NamedOrID, o nps.Offer) bool {
	return named(wanted, "", o.ID) ||
		slices.ContainsFunc(o.Names, func(name string) bool { return named(wanted, name, "") })
}

// unknown is the message about something that the server does not offer. It suggests no name that the author may not
// request: what else the server has is the business of the connection's owner.
func (r *requester) unknown(
	ctx context.Context, s *pamv1alpha1.ActivitySession, field string, wanted pamv1alpha1.NamedOrID, offered []nps.Offer,
) string {
	name, hint := strconv.Quote(wanted.Name), ""
	if wanted.ID != "" {
		field, name = field+".id", wanted.ID
	} else {
		near, err := loop.Nearest(ctx, wanted.Name, r.requestable(ctx, s, field, offered))
		if err == nil && len(near) > 0 {
			name, hint = loop.Suggestion(wanted.Name, near)
		}
		field += ".name"
	}
	return fmt.Sprintf("spec.%s: the server has no %s for the account of connection %s%s",
		field, name, connection.Target(s.Spec.ConnectionRef, s.Namespace), hint)
}

// requestable are the names that the grants of the connection let the author request.
func (r *requester) requestable(
	ctx context.Context, s *pamv1alpha1.ActivitySession, field string, offered []nps.Offer,
) iter.Seq[string] {
	return func(yield func(string) bool) {
		may, err := r.mayAsk(ctx, s)
		if err != nil {
			return
		}
		request := grantRequest(s)
		request.Running = true
		for _, o := range offered {
			for _, name := range o.Names {
				if field == "activity" {
					request.Activity = name
				} else {
					request.Resource = name
				}
				_, why, err := connection.Allowing(may.conn.Spec.Grants, may.conn.Namespace, may.from, request)
				if err == nil && why == "" && !yield(name) {
					return
				}
			}
		}
	}
}
