// SPDX-License-Identifier: Apache-2.0

// Package cluster is how the plugin reaches our objects: through the API server and nothing else. It never talks to an
// appliance or a server, and never has their credentials.
package cluster

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Client is a client of the API server whose errors name the missing right. See Describe.
type Client struct {
	client.WithWatch
	// Namespace is the one that commands work in.
	Namespace string
	// Config is how the API server is reached.
	Config *rest.Config

	clock *clock
}

// New makes a client. Which resource belongs to which kind is built in, so no discovery is needed: neither its rights,
// nor its round trips, nor a cache on the disk.
func New(config *rest.Config, namespace string) (*Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		pamv1alpha1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, coordinationv1.AddToScheme,
		authenticationv1.AddToScheme, authorizationv1.AddToScheme, apiextensionsv1.AddToScheme,
		admissionregistrationv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	clock := &clock{}
	clock.watch(config)
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return &Client{WithWatch: c, Namespace: namespace, Config: config, clock: clock}, nil
}

// mapper knows the kinds that the plugin deals with.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	for _, kind := range kinds.All() {
		m.AddSpecific(pamv1alpha1.GroupVersion.WithKind(kind.Name), resource(pamv1alpha1.GroupVersion, kind.Resource),
			resource(pamv1alpha1.GroupVersion, singular(kind)), meta.RESTScopeNamespace)
	}
	for _, known := range []struct {
		version           schema.GroupVersion
		kind, one, plural string
		scope             meta.RESTScope
	}{
		{corev1.SchemeGroupVersion, "Secret", "secret", "secrets", meta.RESTScopeNamespace},
		{corev1.SchemeGroupVersion, "ConfigMap", "configmap", "configmaps", meta.RESTScopeNamespace},
		{corev1.SchemeGroupVersion, "Event", "event", "events", meta.RESTScopeNamespace},
		{corev1.SchemeGroupVersion, "Pod", "pod", "pods", meta.RESTScopeNamespace},
		{appsv1.SchemeGroupVersion, "Deployment", "deployment", "deployments", meta.RESTScopeNamespace},
		{coordinationv1.SchemeGroupVersion, "Lease", "lease", "leases", meta.RESTScopeNamespace},
		{
			authenticationv1.SchemeGroupVersion, "SelfSubjectReview", "selfsubjectreview", "selfsubjectreviews",
			meta.RESTScopeRoot,
		},
		{
			authorizationv1.SchemeGroupVersion, "SelfSubjectAccessReview", "selfsubjectaccessreview",
			"selfsubjectaccessreviews", meta.RESTScopeRoot,
		},
		{
			apiextensionsv1.SchemeGroupVersion, "CustomResourceDefinition", "customresourcedefinition",
			"customresourcedefinitions", meta.RESTScopeRoot,
		},
		{
			admissionregistrationv1.SchemeGroupVersion, "ValidatingAdmissionPolicyBinding",
			"validatingadmissionpolicybinding", "validatingadmissionpolicybindings", meta.RESTScopeRoot,
		},
	} {
		m.AddSpecific(known.version.WithKind(known.kind), resource(known.version, known.plural),
			resource(known.version, known.one), known.scope)
	}
	return m
}

func resource(version schema.GroupVersion, name string) schema.GroupVersionResource {
	return version.WithResource(name)
}

// Get reads an object.
func (c *Client) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.explain(c.WithWatch.Get(ctx, key, o, opts...), o, key.Namespace)
}

// List lists objects.
func (c *Client) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	return c.explain(c.WithWatch.List(ctx, list, opts...), list, o.Namespace)
}

// Watch watches objects.
func (c *Client) Watch(
	ctx context.Context, list client.ObjectList, opts ...client.ListOption,
) (watch.Interface, error) {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	w, err := c.WithWatch.Watch(ctx, list, opts...)
	return w, c.explain(err, list, o.Namespace)
}

// Create creates an object.
func (c *Client) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	return c.explain(c.WithWatch.Create(ctx, o, opts...), o, o.GetNamespace())
}

// Patch changes an object.
func (c *Client) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.explain(c.WithWatch.Patch(ctx, o, patch, opts...), o, o.GetNamespace())
}

// Delete deletes an object.
func (c *Client) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	return c.explain(c.WithWatch.Delete(ctx, o, opts...), o, o.GetNamespace())
}

// ApplyManifest applies a manifest by server-side apply; it then is as the API server has it.
func (c *Client) ApplyManifest(ctx context.Context, m *unstructured.Unstructured, opts ...client.ApplyOption) error {
	err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(m), opts...)
	return c.explain(err, m, m.GetNamespace())
}
