// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pam-operator/pam-operator/test/builder"
)

func TestWhoWroteTheSpecLast(t *testing.T) {
	t.Parallel()
	at := func(seconds int64) *metav1.Time { return &metav1.Time{Time: time.Unix(seconds, 0)} }
	spec, finalizers := metav1.NewFieldsV1(`{"f:spec":{"f:active":{}}}`), metav1.NewFieldsV1(`{"f:metadata":{}}`)
	type entry = metav1.ManagedFieldsEntry
	for name, c := range map[string]struct {
		fields []entry
		want   string
	}{
		"nobody is known": {},
		"the newest of two": {
			fields: []entry{{Manager: "kubectl", Time: at(1), FieldsV1: spec}, {Manager: "argocd", Time: at(2), FieldsV1: spec}},
			want:   "argocd",
		},
		"also if it comes first": {
			fields: []entry{{Manager: "argocd", Time: at(2), FieldsV1: spec}, {Manager: "kubectl", Time: at(1), FieldsV1: spec}},
			want:   "argocd",
		},
		"one without a time is old": {
			fields: []entry{{Manager: "a", FieldsV1: spec}, {Manager: "b", Time: at(1), FieldsV1: spec}}, want: "b",
		},
		"the finalizer is no spec": {
			fields: []entry{
				{Manager: "kubectl", Time: at(1), FieldsV1: spec}, {Manager: "manager", Time: at(2), FieldsV1: finalizers},
			},
			want: "kubectl",
		},
		"a status is no spec": {
			fields: []entry{
				{Manager: "kubectl", Time: at(1), FieldsV1: spec},
				{Manager: "manager", Time: at(2), FieldsV1: spec, Subresource: "status"},
			},
			want: "kubectl",
		},
		"as the cache keeps it": {fields: []entry{{Manager: "flux"}}, want: "flux"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obj := builder.LocalUser("a")
			obj.ManagedFields = c.fields
			if got := Writer(obj); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
