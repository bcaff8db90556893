// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Every makes an object of each kind, in an order in which objects can be created.
func Every(name string, options ...Option) []client.Object { return each(kinds.All(), name, options) }

// EveryThrough makes an object of each kind that goes through a kind of connection.
func EveryThrough(connection, name string, options ...Option) []client.Object {
	return each(kinds.Through(connection), name, options)
}

// EveryReferrer makes an object of each kind that goes through a connection.
func EveryReferrer(name string, options ...Option) []client.Object {
	return append(EveryThrough(kinds.SPSConnection, name, options...),
		EveryThrough(kinds.NPSConnection, name, options...)...)
}

func each(all []kinds.Kind, name string, options []Option) []client.Object {
	out := make([]client.Object, 0, len(all))
	for _, kind := range all {
		out = append(out, Minimal(kind, name, options...))
	}
	return out
}

// Minimal makes a valid object of a kind with nothing but what the kind needs.
func Minimal(kind kinds.Kind, name string, options ...Option) client.Object {
	switch object := kind.New().(type) {
	case *pamv1alpha1.SPSConnection:
		return SPSConnection(name, options...)
	case *pamv1alpha1.NPSConnection:
		return NPSConnection(name, options...)
	case *pamv1alpha1.LocalUser:
		return LocalUser(name, options...)
	case *pamv1alpha1.LocalUserGroup:
		return LocalUserGroup(name, options...)
	case *pamv1alpha1.SessionTermination:
		return SessionTermination(name, "b", options...)
	case *pamv1alpha1.ApplianceExport:
		return ApplianceExport(name, options...)
	case *pamv1alpha1.ActivitySession:
		return ActivitySession(name, options...)
	case kinds.ConnectionPolicy:
		object.GetObjectKind().SetGroupVersionKind(pamv1alpha1.GroupVersion.WithKind(kind.Name))
		object.CommonSpec().ConnectionRef.Name = DefaultSPSConnection
		return build[client.Object](object, name, DefaultNamespace, options)
	}
	panic(fmt.Sprintf("there is no minimal %s", kind.Name))
}
