// SPDX-License-Identifier: Apache-2.0

// Package spent remembers which requests were made, after their objects are gone. A GitOps tool creates an object again
// that somebody or something has deleted; without this memory, a request that runs once would run once more.
//
// The memory of a namespace is one ConfigMap in it, bounded in size and in time. It holds no names, only hashes. It
// protects authors from accidents and not from each other: anyone who may delete it, or change a runID, can ask anew.
package spent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=create
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=update,resourceNames=pam-operator-spent-requests

// ConfigMapName is the name of the ConfigMap in each namespace that has something to remember.
const ConfigMapName = "pam-operator-spent-requests"

// Request is a request that is made once.
type Request struct {
	Namespace, Kind, Name string
	// UID is that of the object that makes it.
	UID types.UID
	// Content is what makes it this request and not another one under the same name.
	Content any
}

// key is what a request is remembered by. Only its name, its kind and its content count, so that an object that is
// created again has the same one.
func (r Request) key() (string, error) {
	text, err := json.Marshal([]any{r.Kind, r.Name, r.Content}) // members of structs have an order
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// Memory remembers requests.
type Memory struct {
	client client.Client
	live   client.Reader
	now    func() time.Time
}

// NewMemory returns a memory that reads from live and writes with c.
func NewMemory(c client.Client, live client.Reader) *Memory {
	return &Memory{client: c, live: live, now: time.Now}
}

// By returns who else has made a request; nil if nobody has, as far as is remembered. A request that somebody still
// wants is remembered longer.
func (m *Memory) By(ctx context.Context, r Request) (*Entry, error) {
	key, err := r.key()
	if err != nil {
		return nil, err
	}
	record, err := m.read(ctx, r.Namespace)
	if err != nil || record == nil {
		return nil, err
	}
	known, ok := entriesOf(record.Data, m.now())[key]
	if !ok || known.UID == r.UID {
		return nil, nil
	}
	if m.now().Sub(known.Seen) > refreshAfter {
		err = m.write(ctx, record, key, Entry{UID: known.UID, Made: known.Made, Seen: m.now()})
	}
	return &known, client.IgnoreNotFound(err)
}

// Record remembers that a request was made, or that its object still existed.
func (m *Memory) Record(ctx context.Context, r Request) error {
	key, err := r.key()
	if err != nil {
		return err
	}
	record, err := m.read(ctx, r.Namespace)
	if err != nil {
		return err
	}
	now := m.now()
	entry := Entry{UID: r.UID, Made: now, Seen: now}
	if record == nil {
		return m.client.Create(ctx, newRecord(r.Namespace, map[string]string{key: entry.String()}))
	}
	if known, ok := entriesOf(record.Data, now)[key]; ok && known.UID == r.UID {
		if entry.Made = known.Made; now.Sub(known.Seen) < refreshAfter {
			return nil
		}
	}
	return m.write(ctx, record, key, entry)
}

// read reads the memory of a namespace; nil if there is none.
func (m *Memory) read(ctx context.Context, namespace string) (*corev1.ConfigMap, error) {
	record := &corev1.ConfigMap{}
	err := m.live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ConfigMapName}, record)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read which requests were made before: %w", err)
	case record.Labels[pamv1alpha1.LabelSpentRequests] == "":
		return nil, loop.MustAct(pamv1alpha1.ReasonConflict, "ConfigMap %s is not the operator's, and has the name of "+
			"the one in which it remembers requests: rename it", client.ObjectKeyFromObject(record))
	}
	return record, nil
}

// write puts an entry into a record, under an optimistic lock.
func (m *Memory) write(ctx context.Context, record *corev1.ConfigMap, key string, entry Entry) error {
	entries := entriesOf(record.Data, m.now())
	entries[key] = entry
	record.Data = entries.data()
	if err := m.client.Update(ctx, record); err != nil {
		return fmt.Errorf("remember that a request was made: %w", err)
	}
	return nil
}

func newRecord(namespace string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: ConfigMapName,
			Labels: map[string]string{
				pamv1alpha1.LabelSpentRequests: "true", "app.kubernetes.io/managed-by": "pam-operator",
			},
		},
		Data: data,
	}
}
