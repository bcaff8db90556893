// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Default contents of an ActivitySession.
const (
	DefaultActivity = "Linux root"
	DefaultResource = "db1.payments.example.com"
)

// ActivitySession creates a request for DefaultActivity on DefaultResource, now, for as long as the server allows.
func ActivitySession(name string, options ...Option) *pamv1alpha1.ActivitySession {
	session := &pamv1alpha1.ActivitySession{TypeMeta: typeMeta("ActivitySession")}
	session.Spec.ConnectionRef.Name = DefaultNPSConnection
	session.Spec.Activity.Name = DefaultActivity
	session.Spec.Resource = &pamv1alpha1.NamedOrID{Name: DefaultResource}
	return build(session, name, DefaultNamespace, options)
}

// Activity sets the activity of an ActivitySession.
func Activity(name string) Option {
	return With(func(session *pamv1alpha1.ActivitySession) { session.Spec.Activity = pamv1alpha1.NamedOrID{Name: name} })
}

// Resource sets the resource of an ActivitySession.
func Resource(name string) Option {
	return With(func(session *pamv1alpha1.ActivitySession) { session.Spec.Resource = &pamv1alpha1.NamedOrID{Name: name} })
}

// Duration sets how long an ActivitySession may last.
func Duration(duration time.Duration) Option {
	return With(func(session *pamv1alpha1.ActivitySession) {
		session.Spec.Duration = &metav1.Duration{Duration: duration}
	})
}

// RequestedBy sets the requester of an ActivitySession.
func RequestedBy(name string) Option {
	return With(func(session *pamv1alpha1.ActivitySession) { session.Spec.RequestedBy = name })
}

// BoundToJob binds an ActivitySession to a Job.
func BoundToJob(name string) Option {
	return With(func(session *pamv1alpha1.ActivitySession) {
		session.Spec.BoundTo = &pamv1alpha1.Workload{APIVersion: "batch/v1", Kind: "Job", Name: name}
	})
}

// SessionTermination creates a request to close one live session.
func SessionTermination(name, sessionID string, options ...Option) *pamv1alpha1.SessionTermination {
	termination := &pamv1alpha1.SessionTermination{TypeMeta: typeMeta("SessionTermination")}
	termination.Spec.ConnectionRef.Name = DefaultSPSConnection
	termination.Spec.SessionID = sessionID
	return build(termination, name, DefaultNamespace, options)
}

// OfPolicy makes a SessionTermination close all live sessions of an RDPConnectionPolicy instead of one by ID.
func OfPolicy(name string) Option {
	return With(func(termination *pamv1alpha1.SessionTermination) {
		termination.Spec.SessionID = ""
		termination.Spec.PolicyRef = &pamv1alpha1.LocalReference{Name: name}
	})
}

// ApplianceExport creates an export of all that the appliance has.
func ApplianceExport(name string, options ...Option) *pamv1alpha1.ApplianceExport {
	export := &pamv1alpha1.ApplianceExport{TypeMeta: typeMeta("ApplianceExport")}
	export.Spec.ConnectionRef.Name = DefaultSPSConnection
	return build(export, name, DefaultNamespace, options)
}

// Suspended sets suspend, which every kind has.
func Suspended() Option {
	return func(object client.Object) {
		yes := true
		switch suspended := object.(type) {
		case *pamv1alpha1.SPSConnection:
			suspended.Spec.Suspend = &yes
		case *pamv1alpha1.NPSConnection:
			suspended.Spec.Suspend = &yes
		case *pamv1alpha1.ActivitySession:
			suspended.Spec.Suspend = &yes
		case *pamv1alpha1.SessionTermination:
			suspended.Spec.Suspend = &yes
		case *pamv1alpha1.ApplianceExport:
			suspended.Spec.Suspend = &yes
		default:
			managementPolicies(func(p *pamv1alpha1.ManagementPolicies) { p.Suspend = &yes })(object)
		}
	}
}
