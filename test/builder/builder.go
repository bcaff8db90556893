// SPDX-License-Identifier: Apache-2.0

// Package builder creates objects for tests. What a constructor returns is complete and valid, so that a test states
// only what it is about:
//
//	builder.RDPConnectionPolicy("a", builder.Port(3389))
//
// Every object is in DefaultNamespace and refers to the connections and Secrets that the other constructors create by
// default. apiVersion and kind are set, so that an object can be printed or applied as it is.
package builder

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// DefaultNamespace is the namespace of every object, unless InNamespace sets another.
const DefaultNamespace = "default"

// Option changes an object under construction.
type Option func(client.Object)

// With changes an object of one kind in any way. It panics on another kind: that is a bug in the test, and shows at its
// first run.
func With[T client.Object](change func(T)) Option {
	return func(object client.Object) {
		target, ok := object.(T)
		if !ok {
			panic(fmt.Sprintf("an option for a %T was given to a %T", target, object))
		}
		change(target)
	}
}

// InNamespace puts the object into a namespace. References without a namespace then point there, too.
func InNamespace(namespace string) Option {
	return func(object client.Object) { object.SetNamespace(namespace) }
}

// Label adds a label to the object.
func Label(key, value string) Option {
	return func(object client.Object) { object.SetLabels(with(object.GetLabels(), key, value)) }
}

// Annotation adds an annotation to the object.
func Annotation(key, value string) Option {
	return func(object client.Object) { object.SetAnnotations(with(object.GetAnnotations(), key, value)) }
}

// ReadBy labels a Secret as readable for the objects of one kind.
func ReadBy(kind string) Option { return Label(pamv1alpha1.LabelReadBy, kind) }

// Type sets the type of a Secret.
func Type(of corev1.SecretType) Option {
	return With(func(secret *corev1.Secret) { secret.Type = of })
}

func with(all map[string]string, key, value string) map[string]string {
	changed := map[string]string{}
	maps.Copy(changed, all)
	changed[key] = value
	return changed
}

// Namespace creates a namespace.
func Namespace(name string, options ...Option) *corev1.Namespace {
	meta := metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}
	return build(&corev1.Namespace{TypeMeta: meta}, name, "", options)
}

// Secret creates a Secret with this content that every kind may read: connections by its type, a LocalUser by its
// label. Add ReadBy if you change the type.
func Secret(name string, content map[string]string, options ...Option) *corev1.Secret {
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		Type:     pamv1alpha1.SecretTypeCredentials,
		Data:     make(map[string][]byte, len(content)),
	}
	secret.Labels = map[string]string{pamv1alpha1.LabelReadBy: "LocalUser"}
	for key, value := range content {
		secret.Data[key] = []byte(value)
	}
	return build(secret, name, DefaultNamespace, options)
}

// build names a new object and applies the options in order.
func build[T client.Object](object T, name, namespace string, options []Option) T {
	object.SetName(name)
	object.SetNamespace(namespace)
	for _, option := range options {
		option(object)
	}
	return object
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: pamv1alpha1.GroupVersion.String(), Kind: kind}
}
