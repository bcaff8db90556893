// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// VersionLabel is on every CRD; its value is the version of the operator that the CRD came with.
const VersionLabel = "app.kubernetes.io/version"

// oldestCRD is a CRD that every version of the operator has.
const oldestCRD = "spsconnections.pam-operator.io"

// OperatorVersion is the version that the CRDs in the cluster came with; empty if they do not say.
func (c *Client) OperatorVersion(ctx context.Context) (string, error) {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	if err := c.Get(ctx, client.ObjectKey{Name: oldestCRD}, crd); err != nil {
		return "", err
	}
	return crd.Labels[VersionLabel], nil
}

// IsMissing reports whether what was asked for is not there: neither the object, nor its kind.
func IsMissing(err error) bool { return NotInstalled(err) || apierrors.IsNotFound(err) }

// ServerVersion is the version of Kubernetes, such as v1.36.3.
func (c *Client) ServerVersion(ctx context.Context) (string, error) {
	d, err := discovery.NewDiscoveryClientForConfig(c.Config)
	if err != nil {
		return "", err
	}
	text, err := d.RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", fmt.Errorf("ask the API server for its version: %w", err)
	}
	var info version.Info
	if err := json.Unmarshal(text, &info); err != nil {
		return "", fmt.Errorf("read the version of the API server: %w", err)
	}
	return info.GitVersion, nil
}

// namesLimit is how many names are offered for completion.
const namesLimit = 100

// Names are the names of objects of a kind, at most 100, in the client's namespace.
func (c *Client) Names(ctx context.Context, kind kinds.Kind) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(pamv1alpha1.GroupVersion.WithKind(kind.Name + "List"))
	if err := c.List(ctx, list, client.InNamespace(c.Namespace), client.Limit(namesLimit)); err != nil {
		return nil, err
	}
	out := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		out = append(out, item.Name)
	}
	return out, nil
}
