// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestWhichSecretsMayBeRead(t *testing.T) {
	const password, credentials = pamv1alpha1.SecretTypePassword, pamv1alpha1.SecretTypeCredentials
	for name, c := range map[string]struct {
		of    corev1.SecretType
		label string // of LabelReadBy; empty for none
		by    string
		want  string // a part of the refusal; empty if it may be read
	}{
		"a user's password by its type":            {of: password, by: "LocalUser"},
		"a user's password by its label":           {of: corev1.SecretTypeOpaque, label: "LocalUser", by: "LocalUser"},
		"credentials by their type, for SPS":       {of: credentials, by: spsReader},
		"credentials by their type, for NPS":       {of: credentials, by: npsReader},
		"a certificate by its label":               {of: corev1.SecretTypeTLS, label: npsReader, by: npsReader},
		"another user's certificate":               {of: corev1.SecretTypeTLS, by: npsReader, want: "read-by=NPSConnection"},
		"any Secret of the namespace, by a user":   {of: corev1.SecretTypeOpaque, by: "LocalUser", want: password},
		"any Secret of the namespace, for SPS":     {of: corev1.SecretTypeOpaque, by: spsReader, want: credentials},
		"credentials of a connection, by a user":   {of: credentials, by: "LocalUser", want: "read-by=LocalUser"},
		"a user's password, as credentials":        {of: password, by: spsReader, want: "read-by=SPSConnection"},
		"a Secret that is marked for another kind": {label: npsReader, by: spsReader, want: "read-by=SPSConnection"},
		"a kind in another spelling":               {label: "localuser", by: "LocalUser", want: "read-by=LocalUser"},
		"the log-in session of the operator":       {of: pamv1alpha1.SecretTypeSession, by: spsReader, want: "not marked"},
		"what a session connects with": {
			of: pamv1alpha1.SecretTypeConnection, by: "LocalUser", want: "not marked",
		},
		"a service account's token": {
			of: corev1.SecretTypeServiceAccountToken, by: spsReader, want: "not marked",
		},
	} {
		t.Run(name, func(t *testing.T) {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b"}, Type: c.of}
			if c.label != "" {
				builder.ReadBy(c.label)(secret)
			}
			got := Unmarked(secret, c.by)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("says %q, want %q in it", got, c.want)
			}
			if got != "" && !strings.Contains(got, "a/b") {
				t.Errorf("%q does not name the Secret", got)
			}
		})
	}
}
