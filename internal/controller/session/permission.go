// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// permission is what the owner of a connection allows a request.
type permission struct {
	conn *pamv1alpha1.NPSConnection
	from connection.Namespace
	// grants are the indexes of the grants that allow the request.
	grants []int
}

// mayAsk checks that the connection's owner allows the request. That comes before any call of a server on behalf of an
// object, in every branch. The one exception is an object whose status says that a request was sent: its session is
// searched for, and ended, whatever is allowed by now.
func (b *base) mayAsk(ctx context.Context, s *pamv1alpha1.ActivitySession) (permission, error) {
	request := grantRequest(s)
	if start := s.Spec.StartTime; start != nil {
		request.StartDelay = start.Sub(b.now())
	}
	return b.permission(ctx, s, request)
}

// mayUse checks that the connection's owner still allows the session to be used: new connection data, and a later end.
func (b *base) mayUse(ctx context.Context, s *pamv1alpha1.ActivitySession) (permission, error) {
	request := grantRequest(s)
	request.Running, request.Keep = true, false
	return b.permission(ctx, s, request)
}

// mayKeep checks that the connection's owner allows a session that outlives its object.
func (b *base) mayKeep(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	request := grantRequest(s)
	request.Running = true
	_, err := b.permission(ctx, s, request)
	return err
}

// permission checks allowedNamespaces and grants. It sends nothing.
func (b *base) permission(
	ctx context.Context, s *pamv1alpha1.ActivitySession, request connection.Request,
) (permission, error) {
	conn, err := b.Pool.Permitted(ctx, s.Spec.ConnectionRef, s.Namespace)
	if err != nil {
		return permission{}, err
	}
	from, err := b.Pool.Namespace(ctx, s.Namespace)
	if err != nil {
		return permission{}, err
	}
	allowing, why, err := connection.Allowing(conn.Spec.Grants, conn.Namespace, from, request)
	if err != nil {
		return permission{}, err
	}
	if why != "" {
		return permission{}, loop.MustAct(pamv1alpha1.ReasonConnectionNotPermitted,
			"connection %s does not allow this request: %s; its owner can change grants", client.ObjectKeyFromObject(conn), why)
	}
	return permission{conn, from, allowing}, nil
}

// isDenied reports whether the connection's owner does not allow it.
func isDenied(err error) bool {
	own, ok := errors.AsType[*loop.Problem](err)
	return connection.IsNotPermitted(err) || ok && own.Reason == pamv1alpha1.ReasonConnectionNotPermitted
}
