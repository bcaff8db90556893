// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestAnObjectIsNotKeptForEver(t *testing.T) {
	const deadline = 10 * time.Minute
	for name, c := range map[string]struct {
		kept, end  time.Duration // end is that of the session, after the deletion; 0 is not told
		mustBeSeen bool
		want       bool
	}{
		"before the deadline":                               {kept: deadline, end: time.Minute},
		"after the deadline":                                {kept: deadline + 1, end: time.Hour, want: true},
		"after the deadline, and the session lives":         {kept: deadline + 1, end: time.Hour, mustBeSeen: true},
		"after the deadline and the end of the session":     {kept: time.Hour, end: time.Hour, mustBeSeen: true, want: true},
		"after the deadline, of a session without an end":   {kept: deadline + 1, mustBeSeen: true, want: true},
		"after a day, of a session that is said to go on":   {longestKept, 1000 * time.Hour, true, true},
		"within a day, of a session that is said to go on":  {kept: longestKept - 1, end: 1000 * time.Hour, mustBeSeen: true},
		"before the deadline, after the end of the session": {kept: time.Minute, end: time.Second, mustBeSeen: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := builder.ActivitySession("session")
			s.DeletionTimestamp = &metav1.Time{Time: noon}
			if c.end != 0 {
				s.Status.ExpiresAt = &metav1.Time{Time: noon.Add(c.end)}
			}
			if got := mayAbandon(s, moment{local: noon.Add(c.kept)}, deadline, c.mustBeSeen); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestWhoseAConnectionSecretIs(t *testing.T) {
	s := builder.ActivitySession("session")
	s.UID, s.Status.SessionID = "mine", "b9fc22e3"
	ours := func() *corev1.Secret {
		return &corev1.Secret{
			Type: pamv1alpha1.SecretTypeConnection, Data: map[string][]byte{secretSessionID: []byte("b9fc22e3")},
		}
	}
	by := func(secret *corev1.Secret, uid string) *corev1.Secret {
		owner := s.DeepCopy()
		owner.UID = types.UID(uid)
		kind := pamv1alpha1.GroupVersion.WithKind("ActivitySession")
		secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)}
		return secret
	}
	other, emptied, opaque := ours(), ours(), ours()
	other.Data[secretSessionID], emptied.Data, opaque.Type = []byte("other"), nil, corev1.SecretTypeOpaque
	for name, c := range map[string]struct {
		secret *corev1.Secret
		want   bool
	}{
		"ours by its owner reference":               {by(ours(), "mine"), true},
		"ours, and emptied":                         {by(&corev1.Secret{}, "mine"), true},
		"ours, and orphaned":                        {ours(), true},
		"one of the same session that another owns": {by(ours(), "another"), false},
		"an orphan of another session":              {other, false},
		"an orphan that was emptied":                {emptied, false},
		"somebody's own":                            {opaque, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := owns(s, c.secret); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
	s.Status.SessionID = ""
	if owns(s, emptied) {
		t.Error("an object without a session owns what names none")
	}
}
