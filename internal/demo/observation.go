// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// messageWidth is how many bytes of a message are shown; kubectl shows the rest.
const messageWidth = 110

// identity says which object.
type identity struct{ kind, namespace, name string }

func identify(o *unstructured.Unstructured) identity {
	return identity{o.GetKind(), o.GetNamespace(), o.GetName()}
}

// observation is what is shown of an object.
type observation struct {
	identity
	ready           bool
	reason, message string
	// detail is the key at the appliance, the phase of what runs once, the version behind a connection.
	detail string
	// commit is the last transaction through an SPSConnection, which is how a silent repair shows.
	commit string
	gone   bool
}

// observe reads an object. It is ready when its Ready condition is True and speaks of the present spec.
func observe(kind string, o kinds.Object) observation {
	seen := observation{
		identity: identity{kind, o.GetNamespace(), o.GetName()}, detail: detailOf(o), commit: commitOf(o),
	}
	ready := meta.FindStatusCondition(*o.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
	if ready == nil {
		return seen
	}
	seen.reason, seen.message = ready.Reason, ready.Message
	switch {
	case ready.Status != metav1.ConditionTrue:
	case o.GetDeletionTimestamp() != nil:
		seen.reason, seen.message = "Deleting", "" // what the manager has not said yet
	case ready.ObservedGeneration != o.GetGeneration():
		seen.reason, seen.message = "Changed", "the manager has not looked at the new spec yet"
	default:
		seen.ready = true
	}
	return seen
}

func detailOf(o kinds.Object) string {
	switch o := o.(type) {
	case interface {
		PolicyStatus() *pamv1alpha1.PolicyStatus
	}:
		return o.PolicyStatus().Key
	case *pamv1alpha1.ActivitySession:
		return string(o.Status.Phase)
	case *pamv1alpha1.SessionTermination:
		return string(o.Status.Phase)
	case *pamv1alpha1.ApplianceExport:
		return string(o.Status.Phase)
	case *pamv1alpha1.SPSConnection:
		return o.Status.Version
	case *pamv1alpha1.NPSConnection:
		return o.Status.Version
	}
	return ""
}

func commitOf(o kinds.Object) string {
	c, isSPS := o.(*pamv1alpha1.SPSConnection)
	if !isSPS || c.Status.LastCommit == nil || c.Status.LastCommit.Changes == nil {
		return ""
	}
	last := c.Status.LastCommit
	return fmt.Sprintf("last commit %s, changes %d", last.Time.Local().Format(time.TimeOnly), *last.Changes)
}

// same reports whether there is nothing new to show.
func (o observation) same(as observation) bool {
	o.message = as.message // counts and times in a message change often
	return o == as
}

// summary describes the state of an object in one line.
func (o observation) summary() string {
	if o.gone {
		return "gone"
	}
	text := o.reason
	if o.detail != "" && o.detail != o.reason {
		text += " (" + o.detail + ")"
	}
	if o.commit != "" {
		text += ", " + o.commit
	}
	if !o.ready && o.message != "" {
		text += ": " + rest.Shorten(o.message, messageWidth)
	}
	return text
}
