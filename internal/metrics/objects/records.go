// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	toolscache "k8s.io/client-go/tools/cache"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Records watches the records of leftovers, and no other ConfigMap. It keeps their labels. It is a runnable of a
// manager.
type Records struct {
	informers []toolscache.SharedIndexInformer
}

// NewRecords returns the records in the watched namespaces and in the manager's own, where those of namespaces that are
// being deleted are. No watched namespace means all.
func NewRecords(client metadata.Interface, watched []string, own string) (*Records, error) {
	r := &Records{}
	for _, name := range recordedIn(watched, own) {
		informer := metadatainformer.NewFilteredMetadataInformer(client, corev1.SchemeGroupVersion.WithResource("configmaps"),
			name, 0, toolscache.Indexers{}, func(o *metav1.ListOptions) { o.LabelSelector = pamv1alpha1.LabelLeftover },
		).Informer()
		if err := informer.SetTransform(onlyLabels); err != nil {
			return nil, err
		}
		r.informers = append(r.informers, informer)
	}
	return r, nil
}

func recordedIn(watched []string, own string) []string {
	switch {
	case len(watched) == 0:
		return []string{metav1.NamespaceAll}
	case own == "" || slices.Contains(watched, own):
		return watched
	}
	return append(slices.Clone(watched), own)
}

// onlyLabels drops what is not counted by.
func onlyLabels(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone holds an object that was stripped before
	}
	o.SetManagedFields(nil)
	o.SetAnnotations(nil)
	return in, nil
}

// Start watches until the context ends.
func (r *Records) Start(ctx context.Context) error {
	var running wait.Group
	for _, informer := range r.informers {
		running.StartWithContext(ctx, informer.RunWithContext)
	}
	running.Wait()
	return nil
}

// NeedLeaderElection lets only the leader watch, because only the leader counts.
func (r *Records) NeedLeaderElection() bool { return true }

// Count returns how many records there are, by the kind of the deleted object in lower case; known is false until all
// have been listed.
func (r *Records) Count() (byKind map[string]int, known bool) {
	byKind = map[string]int{}
	for _, informer := range r.informers {
		if !informer.HasSynced() {
			return nil, false
		}
		for _, item := range informer.GetStore().List() {
			if o, err := meta.Accessor(item); err == nil {
				byKind[o.GetLabels()[pamv1alpha1.LabelLeftover]]++
			}
		}
	}
	return byKind, true
}
