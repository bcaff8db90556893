// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
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

// kindOf is the name of an object's kind.
func kindOf(o kinds.Object) string {
	gvk, _ := apiutil.GVKForObject(o, scheme) // the scheme has all of our kinds
	return gvk.Kind
}
