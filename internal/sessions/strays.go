// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// sessionEnder is what a poller ends strays with.
type sessionEnder interface {
	Get(ctx context.Context, id string) (nps.Session, error)
	End(ctx context.Context, id string) error
}

// endStrays ends the sessions that have appeared of requests whose objects are gone. One that could not be ended
// appears again in the next round.
func (p *Poller) endStrays() {
	strays := p.register.takeStrays()
	if len(strays) == 0 {
		return
	}
	p.mu.Lock()
	client, ok := p.client.(sessionEnder)
	p.mu.Unlock()
	if !ok {
		return
	}
	for id, request := range strays {
		if err := p.endStray(client, id, request); err != nil { // the others would probably wait as long
			logf.FromContext(p.ctx).Info("a session whose object is gone could not be ended; trying again",
				"session", id, "request", request.RequestID, "cause", err.Error())
			return
		}
	}
}

// endStray reads the session first, because lists lag.
func (p *Poller) endStray(client sessionEnder, id string, request Departed) error {
	session, err := client.Get(p.ctx, id)
	switch {
	case rest.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case session.Status.Terminal(), session.Status == nps.StatusCancelling, !NoteIsOf(session.Note, request.RequestID):
		return nil
	}
	if err := client.End(p.ctx, id); err != nil {
		return err
	}
	audit.Write(p.ctx, audit.Record{
		Action: audit.EndDuplicate, Result: audit.Succeeded, Kind: "ActivitySession", Session: id,
		Connection: request.Connection,
		Object: &pamv1alpha1.ActivitySession{ObjectMeta: metav1.ObjectMeta{
			Namespace: request.Object.Namespace, Name: request.Object.Name, UID: request.UID,
		}},
		Reason: "it appeared after its object was gone",
	})
	return nil
}
