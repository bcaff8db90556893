// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// maxRecords is how many records of leftovers one namespace gets. Objects of many namespaces may be recorded in one,
// and their owners must not be able to fill the cluster's store.
const maxRecords = 1000

// recount is how long the number of records in a namespace is believed; people delete them.
const recount = time.Minute

// fullError says that a namespace holds as many records as it gets.
type fullError struct{ namespace string }

func (e *fullError) Error() string {
	return fmt.Sprintf("namespace %s has %d such records already: look at them and delete those that are settled",
		e.namespace, maxRecords)
}

func isFull(err error) bool {
	_, full := errors.AsType[*fullError](err)
	return full
}

// recordBook counts the records of leftovers by namespace. A nil one bounds nothing.
type recordBook struct {
	mu     sync.Mutex
	counts map[string]recordCount
}

type recordCount struct {
	number int
	at     time.Time
}

func newRecordBook() *recordBook { return &recordBook{counts: map[string]recordCount{}} }

// room fails with a fullError if a namespace gets no more records. One whose records cannot be counted has room.
func (b *recordBook) room(ctx context.Context, live client.Reader, namespace string) error {
	if b == nil {
		return nil
	}
	count, known := b.known(namespace)
	if !known {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
		err := live.List(ctx, list, client.InNamespace(namespace), client.HasLabels{pamv1alpha1.LabelLeftover},
			client.Limit(maxRecords))
		if err != nil {
			return nil //nolint:nilerr // the record matters more than its bound
		}
		count = len(list.Items)
		b.mu.Lock()
		b.counts[namespace] = recordCount{number: count, at: time.Now()}
		b.mu.Unlock()
	}
	if count >= maxRecords {
		return &fullError{namespace}
	}
	return nil
}

func (b *recordBook) known(namespace string) (number int, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	count, known := b.counts[namespace]
	return count.number, known && time.Since(count.at) < recount
}

func (b *recordBook) wrote(namespace string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	count := b.counts[namespace]
	count.number++
	b.counts[namespace] = count
}
