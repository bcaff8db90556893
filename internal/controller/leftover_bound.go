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

// maxRecords is how many records of leftovers one namespace gets of the objects of one. Objects of many namespaces may
// be recorded beside a connection: whoever writes them must not be able to fill the cluster's store, nor to keep the
// leftovers of others from being recorded.
const maxRecords = 1000

// recount is how long the number of records on a page is believed; people delete them.
const recount = time.Minute

// recordPage is where the records of the objects of one namespace are.
type recordPage struct {
	// in is the namespace of the records, of that of the objects.
	in, of string
}

// fullError says that a page is full.
type fullError struct{ page recordPage }

func (e *fullError) Error() string {
	return fmt.Sprintf("namespace %s has %d such records of namespace %s already: look at them and delete those that "+
		"are settled", e.page.in, maxRecords, e.page.of)
}

func isFull(err error) bool {
	_, full := errors.AsType[*fullError](err)
	return full
}

// recordBook counts the records of leftovers by page. A nil one bounds nothing.
type recordBook struct {
	mu     sync.Mutex
	counts map[recordPage]recordCount
}

type recordCount struct {
	number int
	at     time.Time
}

func newRecordBook() *recordBook { return &recordBook{counts: map[recordPage]recordCount{}} }

// room fails with a fullError if a page gets no more records. One whose records cannot be counted has room.
func (b *recordBook) room(ctx context.Context, live client.Reader, page recordPage) error {
	if b == nil {
		return nil
	}
	count, known := b.known(page)
	if !known {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
		err := live.List(ctx, list, client.InNamespace(page.in), client.HasLabels{pamv1alpha1.LabelLeftover},
			client.MatchingLabels{pamv1alpha1.LabelLeftoverOf: page.of}, client.Limit(maxRecords))
		if err != nil {
			return nil //nolint:nilerr // the record matters more than its bound
		}
		count = len(list.Items)
		b.mu.Lock()
		b.counts[page] = recordCount{number: count, at: time.Now()}
		b.mu.Unlock()
	}
	if count >= maxRecords {
		return &fullError{page}
	}
	return nil
}

func (b *recordBook) known(page recordPage) (number int, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	count, known := b.counts[page]
	return count.number, known && time.Since(count.at) < recount
}

func (b *recordBook) wrote(page recordPage) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	count := b.counts[page]
	count.number++
	b.counts[page] = count
}
