// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// scheme knows the kinds of Kubernetes and ours.
var scheme = newScheme()

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	// Neither can fail for a scheme that was empty before.
	_ = clientgoscheme.AddToScheme(s)
	_ = pamv1alpha1.AddToScheme(s)
	return s
}

// object is one of our kinds.
type object interface {
	client.Object
	GetStatus() pamv1alpha1.ObjectStatus
}

// kinds are one empty object of each of our kinds, in the order in which they are shown.
func kinds() []object {
	return []object{
		&pamv1alpha1.SPSConnection{}, &pamv1alpha1.NPSConnection{}, &pamv1alpha1.LocalUser{},
		&pamv1alpha1.LocalUserGroup{}, &pamv1alpha1.RDPConnectionPolicy{}, &pamv1alpha1.SessionTermination{},
		&pamv1alpha1.ActivitySession{},
	}
}

// kindOf is the name of a kind of ours.
func kindOf(o object) string {
	gvk, _ := apiutil.GVKForObject(o, scheme) // the scheme knows all of kinds
	return gvk.Kind
}
