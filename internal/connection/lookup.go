// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// Appliance returns the appliance that a reference in a namespace points to, if the connection permits the use to that
// namespace and is ready.
func (p *Pool) Appliance(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string, use Use,
) (*pamv1alpha1.SPSConnection, *appliance.Appliance, error) {
	c := &pamv1alpha1.SPSConnection{}
	if err := p.connection(ctx, Target(ref, namespace), c, "SPSConnection"); err != nil {
		return nil, nil, err
	}
	if err := p.PermitsUse(ctx, c, namespace, use); err != nil {
		return c, nil, err
	}
	if err := ready(c, namespace, c.Status.Conditions, c.Status.ObservedGeneration); err != nil {
		return c, nil, err
	}
	a, err := p.Connect(ctx, c)
	return c, a, err
}

// Server returns the server that a reference in a namespace points to, if the connection permits that namespace and is
// ready.
func (p *Pool) Server(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (*pamv1alpha1.NPSConnection, *sessions.Server, error) {
	c := &pamv1alpha1.NPSConnection{}
	key := Target(ref, namespace)
	if err := p.connection(ctx, key, c, "NPSConnection"); err != nil {
		return nil, nil, err
	}
	if err := p.permitted(ctx, c.Spec.AllowedNamespaces, key, namespace); err != nil {
		return c, nil, err
	}
	if err := ready(c, namespace, c.Status.Conditions, c.Status.ObservedGeneration); err != nil {
		return c, nil, err
	}
	s, err := p.ConnectServer(ctx, c)
	return c, s, err
}

// Permitted returns the connection that a reference in a namespace points to, even if it is not ready, if it permits
// that namespace. It sends nothing.
func (p *Pool) Permitted(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (*pamv1alpha1.NPSConnection, error) {
	c := &pamv1alpha1.NPSConnection{}
	key := Target(ref, namespace)
	if err := p.connection(ctx, key, c, "NPSConnection"); err != nil {
		return nil, err
	}
	return c, p.permitted(ctx, c.Spec.AllowedNamespaces, key, namespace)
}

// ServerOfSession returns the server of a session that was already requested. It checks neither permission nor
// readiness, because a session must be followed and ended whatever has changed since. If the connection or its
// namespace is being deleted and its Secret or CA has gone first, it returns the client that was built while they
// existed, for no longer than Config.RetainFor.
func (p *Pool) ServerOfSession(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (*pamv1alpha1.NPSConnection, *sessions.Server, error) {
	c := &pamv1alpha1.NPSConnection{}
	if err := p.connection(ctx, Target(ref, namespace), c, "NPSConnection"); err != nil {
		return nil, nil, err
	}
	s, err := p.ConnectServer(ctx, c)
	if !IsNotReady(err) {
		return c, s, err
	}
	address := CanonicalURL(c.Spec.URL)
	leadsThere := func(s *sessions.Server) bool { return s.Address() == address }
	s, err = cachedDuringDeletion(ctx, p, c, npsSources(c), p.cachedServer(c), leadsThere, err)
	return c, s, err
}

// Target is the connection that a reference in a namespace points to.
func Target(ref pamv1alpha1.ConnectionReference, namespace string) types.NamespacedName {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: ref.Name}
}

// CanonicalURL is the address by which connections are compared: lower case, without a default port, a path or a
// trailing dot, and with one spelling of an IP address and of a port.
func CanonicalURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := strings.TrimLeft(u.Port(), "0"); port != "" && port != "443" {
		host += ":" + port
	}
	return "https://" + host
}

func (p *Pool) connection(ctx context.Context, key types.NamespacedName, into client.Object, kind string) error {
	err := p.cfg.Cache.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		return missing("%s %s does not exist", kind, key)
	}
	return err
}

// ready refuses a connection that is known not to work, so that its dependents do not hammer it. The cause is reported
// in the connection's own namespace only: anyone who can choose an address and read the result could explore a network.
func ready(c client.Object, namespace string, conditions []metav1.Condition, observed *int64) error {
	name := client.ObjectKeyFromObject(c)
	condition := meta.FindStatusCondition(conditions, pamv1alpha1.ConditionReady)
	switch {
	case condition == nil || observed == nil || *observed != c.GetGeneration():
		return &UntriedError{NotReadyError{fmt.Sprintf("connection %s has not been tried yet", name)}}
	case condition.Reason == pamv1alpha1.ReasonSuspended: // it works, and reading goes on
		return nil
	case condition.Status != metav1.ConditionTrue && namespace != c.GetNamespace():
		return notReady("connection %s is not ready: %s; its owner sees the cause in its status", name, condition.Reason)
	case condition.Status != metav1.ConditionTrue:
		return notReady("connection %s is not ready: %s: %s", name, condition.Reason, condition.Message)
	}
	return nil
}
