// SPDX-License-Identifier: Apache-2.0

package loop

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

// maxRecords is how many leftover records one namespace may hold for the objects of one namespace. Objects of many
// namespaces may be recorded beside a connection: their authors must not be able to fill the cluster's store, or to
// prevent the leftovers of others from being recorded.
const maxRecords = 1000

// recount is how long the number of records on a page is reused; users delete records.
const recount = time.Minute

// recordPage is the records, in one namespace, for the objects of one namespace.
type recordPage struct {
	// in is the namespace of the records, of that of the objects.
	in, of string
}

// fullError means that a page is full.
type fullError struct{ page recordPage }

func (e *fullError) Error() string {
	return fmt.Sprintf("namespace %s has %d such records of namespace %s already: check them and delete those that "+
		"are settled", e.page.in, maxRecords, e.page.of)
}

func isFull(err error) bool {
	_, full := errors.AsType[*fullError](err)
	return full
}

// RecordBook counts leftover records by page. A nil one bounds nothing.
type RecordBook struct {
	mu     sync.Mutex
	counts map[recordPage]recordCount
}

type recordCount struct {
	number int
	at     time.Time
}

// NewRecordBook returns a book that has counted nothing yet.
func NewRecordBook() *RecordBook { return &RecordBook{counts: map[recordPage]recordCount{}} }

// checkRoom returns a fullError if a page is full. If its records cannot be counted, it counts as not full.
func (b *RecordBook) checkRoom(ctx context.Context, live client.Reader, page recordPage) error {
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

func (b *RecordBook) known(page recordPage) (number int, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	count, known := b.counts[page]
	return count.number, known && time.Since(count.at) < recount
}

func (b *RecordBook) wrote(page recordPage) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	count := b.counts[page]
	count.number++
	b.counts[page] = count
}
