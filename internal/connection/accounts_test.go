// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestAccountsAreThoseOfEveryReadyConnectionToTheAppliance(t *testing.T) {
	usable := builder.With(func(c *pamv1alpha1.SPSConnection) {
		c.Status.ObservedGeneration = new(int64(0))
		meta.SetStatusCondition(&c.Status.Conditions, metav1.Condition{
			Type: pamv1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: pamv1alpha1.ReasonSynced,
		})
	})
	through := func(secret string) builder.Option {
		return builder.With(func(c *pamv1alpha1.SPSConnection) { c.Spec.CredentialsSecretRef.Name = secret })
	}
	login := func(secret, namespace string) *pamv1alpha1.SPSConnection {
		return builder.SPSConnection(secret, builder.InNamespace(namespace), through(secret), usable,
			builder.URL("https://sps.example.com"))
	}
	as := func(name, namespace, user string) *corev1.Secret {
		return builder.Secret(name, map[string]string{"username": user, "password": "p"}, builder.InNamespace(namespace))
	}
	upper := login("b", "elsewhere")
	upper.Spec.URL = "https://SPS.example.com.:0443/"
	other := login("c", home)
	other.Spec.URL = "https://other.example.com"
	untried := builder.SPSConnection("d", builder.InNamespace(home), through("d"), builder.URL("https://sps.example.com"))
	missing := login("e", home)
	w := newWorld(t, login("a", home), upper, other, untried, missing,
		as("a", home, "svc-operator"),
		as("b", "elsewhere", "svc-team"),
		as("c", home, "svc-other"),
		as("d", home, "svc-untried"))
	got, err := w.pool().Accounts(t.Context(), "https://sps.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Accounts{"svc-team", "svc-operator"}, got); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]bool{
		"svc-operator": true, "SVC-Operator": true, " svc-team": true, "svc-operator2": false, "": false,
	} {
		if got.Has(name) != want {
			t.Errorf("Has(%q) is %t", name, !want)
		}
	}
}

func TestOneAddressHasOneSpelling(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://sps.example.com":            "https://sps.example.com",
		"https://SPS.Example.com:443/":       "https://sps.example.com",
		"https://sps.example.com.":           "https://sps.example.com",
		"https://sps.example.com:0443":       "https://sps.example.com",
		"https://sps.example.com:08443":      "https://sps.example.com:8443",
		"https://[2001:DB8:0::1]:8443":       "https://[2001:db8::1]:8443",
		"https://[::ffff:192.0.2.1]":         "https://192.0.2.1",
		"https://192.0.2.1:443":              "https://192.0.2.1",
		"https://[2001:db8:0:0:0:0:0:1]:443": "https://[2001:db8::1]",
	} {
		if got := CanonicalURL(url); got != want {
			t.Errorf("%s is %s, want %s", url, got, want)
		}
	}
}
