// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestSessionStoreKeepsTheLastCookieForOneApplianceAndOneConnection(t *testing.T) {
	conn := spsConnection(builder.With(func(c *pamv1alpha1.SPSConnection) { c.UID = "of-the-connection" }))
	w := newWorld(t, conn)
	at := func(url string) sessionStore { return sessionStore{live: w, client: w, conn: conn, url: url} }
	load := func(s sessionStore) string {
		t.Helper()
		cookie, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return cookie
	}
	here, elsewhere := at("https://here.example.com"), at("https://elsewhere.example.com")
	if got := load(here); got != "" {
		t.Errorf("a new store holds %q", got)
	}
	for _, cookie := range []string{"first", "second"} {
		if err := here.Save(t.Context(), cookie); err != nil {
			t.Fatal(err)
		}
		if got := load(here); got != cookie {
			t.Errorf("loaded %q, want %q", got, cookie)
		}
	}
	if got := load(elsewhere); got != "" {
		t.Errorf("the cookie of one appliance would be sent to another one: %q", got)
	}
	secret := &corev1.Secret{}
	if err := w.Get(t.Context(), here.name(), secret); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(secret, conn) || secret.Type != pamv1alpha1.SecretTypeSession {
		t.Errorf("the Secret is of type %s and owned by %v", secret.Type, secret.OwnerReferences)
	}
}

func TestSessionStoreLeavesAForeignSecretAlone(t *testing.T) {
	conn := spsConnection(builder.With(func(c *pamv1alpha1.SPSConnection) { c.UID = "of-the-connection" }))
	foreign := builder.Secret("sps.session", map[string]string{
		"cookie": "foreign", "appliance": "https://here.example.com",
	}, builder.InNamespace(home))
	w := newWorld(t, conn, foreign)
	s := sessionStore{live: w, client: w, conn: conn, url: "https://here.example.com"}
	if cookie, err := s.Load(t.Context()); err != nil || cookie != "" {
		t.Errorf("loaded %q, %v", cookie, err)
	}
	if err := s.Save(t.Context(), "ours"); err == nil {
		t.Error("a foreign Secret was taken over")
	}
	secret := &corev1.Secret{}
	if err := w.Get(t.Context(), s.name(), secret); err != nil || string(secret.Data["cookie"]) != "foreign" {
		t.Errorf("the foreign Secret holds %q, %v", secret.Data["cookie"], err)
	}
}
