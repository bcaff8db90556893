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

// While log-ins are refused, nobody may delete the account, or the outage would become a lock-out.
func TestAnAccountIsKeptWhileItsLogInsFail(t *testing.T) {
	const url = "https://sps.example.com"
	for what, tt := range map[string]struct {
		accepted bool                 // the credentials, before they were refused
		then     func(*corev1.Secret) // what became of the Secret after the first look
		want     Accounts
	}{
		"credentials that have worked": {accepted: true, want: Accounts{"svc-operator"}},
		"another password of an account that has worked": {
			accepted: true, want: Accounts{"svc-operator"},
			then: func(s *corev1.Secret) { s.Data["password"] = []byte("wrong") },
		},
		"another account, which has never worked": {
			accepted: true, then: func(s *corev1.Secret) { s.Data["username"] = []byte("alice") },
		},
		"credentials that have never worked": {},
	} {
		t.Run(what, func(t *testing.T) {
			conn := spsConnection(builder.URL(url))
			secret := builder.SPSCredentialsSecret("svc-operator", "p", builder.InNamespace(home))
			w := newWorld(t, conn, secret)
			pool := w.pool()
			version, err := pool.credentialsVersion(t.Context(), spsSources(conn), conn.Spec.URL, conn.Spec.TLS)
			if err != nil {
				t.Fatal(err)
			}
			now := metav1.Now()
			conn.Status.ObservedGeneration = new(int64(0))
			conn.Status.LogIn = &pamv1alpha1.LogInStatus{CredentialsVersion: version, LastFailureTime: &now}
			if tt.accepted {
				conn.Status.LogIn.LastSuccessTime = &now
			}
			meta.SetStatusCondition(&conn.Status.Conditions, metav1.Condition{
				Type: pamv1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: pamv1alpha1.ReasonUnauthorized,
			})
			if err := w.Update(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			if _, err := pool.Accounts(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			if tt.then != nil {
				tt.then(secret)
				if err := w.Update(t.Context(), secret); err != nil {
					t.Fatal(err)
				}
			}
			got, err := pool.Accounts(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

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
