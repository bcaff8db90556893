// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/test/builder"
)

// refusalThatQuotes is the body of an error in which a server quotes what it should not.
func refusalThatQuotes(t *testing.T, secrets ...string) string {
	t.Helper()
	detail := "you sent " + strings.Join(secrets, " and ")
	body, err := json.Marshal(map[string]string{"title": "Refused", "detail": detail})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// eavesdrop plants every token and cookie that goes over the wire, and has the server quote a wrong password. One-time
// codes are six digits and could be part of anything: finding one would prove nothing.
func (s *canaries) eavesdrop(server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			s.plantAnywhere(token)
			s.tokens.Store(token, true)
		}
		if bytes.Contains(sent, []byte("canary-password-that-is-wrong")) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, refusalThatQuotes(s.T, canaryWrongPassword, string(sent)))
			return
		}
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		for _, cookie := range (&http.Response{Header: answer.Header()}).Cookies() {
			s.plantAnywhere(cookie.Value)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func (s *canaries) session(name, connection string, more ...builder.Option) *pamv1alpha1.ActivitySession {
	withPassword := builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.ConnectionSecret = &pamv1alpha1.ConnectionSecret{Password: pamv1alpha1.PasswordIfAllowed}
	})
	return builder.ActivitySession(name, append(more, s.in, builder.Connection(connection, ""), withPassword,
		builder.RequestedBy(controlplane.Admin))...)
}

// openSessions is step 3: a session with each kind of connection data, through each kind of log-in. What comes with
// them is planted, too.
func (s *canaries) openSessions() {
	s.Helper()
	released := builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.Resource, s.Spec.Credential = nil, &pamv1alpha1.CredentialSelector{Name: "svc-backup"}
	})
	for _, session := range []*pamv1alpha1.ActivitySession{
		s.session("ssh", "coded"),
		s.session("rdp", "app", builder.Activity("Windows admin"), builder.Resource("win1.payments.example.com")),
		s.session("credential", "fixed", builder.Activity("Credential Release"), released),
	} {
		s.cluster.apply(s.T, session)
		s.reaches(session, "True Active")
		s.plantConnection(session)
	}
	for session, key := range map[string]string{"ssh": "ssh-url", "rdp": "rdp", "credential": "password"} {
		if len(s.connectionSecret(session).Data[key]) == 0 {
			s.Errorf("the Secret of session %s has no %s, so the search proves nothing about it", session, key)
		}
	}
}

func (s *canaries) connectionSecret(session string) *corev1.Secret {
	s.Helper()
	secret := s.secret(session, nil)
	if err := s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
		s.Fatal(err)
	}
	return secret
}

// plantConnection plants what a connection Secret holds.
func (s *canaries) plantConnection(session *pamv1alpha1.ActivitySession) {
	s.Helper()
	secret := s.connectionSecret(session.Name)
	keys := []string{"ssh-url", "password"}
	if session.Spec.Credential == nil { // otherwise it is not a token, but an account name
		keys = append(keys, "username")
	}
	for _, key := range keys {
		if value := string(secret.Data[key]); value != "" {
			s.plant(secret.Name, value)
		}
	}
	for line := range strings.Lines(string(secret.Data["rdp"])) {
		switch key, _, _ := strings.Cut(line, ":"); key {
		case "username", "full address":
			s.plant(secret.Name, strings.TrimSpace(line))
		}
	}
}

// provoke is step 4: a session fails, and its server explains why with every secret it knows; and the servers refuse
// requests in such words.
func (s *canaries) provoke() {
	s.Helper()
	const words = "cannot log in with "
	for connection, known := range map[string][]string{
		"coded": {canaryNPSPassword, canaryTOTPSecret, string(s.connectionSecret("ssh").Data["ssh-url"])},
		"fixed": {canaryNPSPassword, canaryCode, canaryReleased},
		"app":   {canaryAPIKey, string(s.connectionSecret("rdp").Data["username"])},
	} {
		session := s.session("failing-"+connection, connection)
		s.cluster.apply(s.T, session)
		s.reaches(session, "True Active")
		s.get(NewWithT(s.T), session)
		s.tokens.Range(func(token, _ any) bool { known = append(known, fmt.Sprint(token)); return true })
		said := words + strings.Join(known, " or ")
		if err := s.nps.Fail(session.Status.SessionID, said); err != nil {
			s.Fatal(err)
		}
		s.reaches(session, "False Failed")
		s.get(NewWithT(s.T), session)
		if f := session.Status.Failure; !strings.Contains(f.Message, words) || len(f.Log) == 0 {
			s.Errorf("the failure does not quote the server: %+v", f)
		}
		s.refuse(connection, known)
	}
}

// refuse makes the server refuse a session in words that quote secrets.
func (s *canaries) refuse(connection string, words []string) {
	s.Helper()
	err := s.nps.Faults().Set(fault.Rule{
		Name: "refuse", Method: http.MethodPost, Path: "/api/v1/ActivitySession$", Status: http.StatusForbidden,
		Body: refusalThatQuotes(s.T, words...),
	})
	if err != nil {
		s.Fatal(err)
	}
	session := s.session("refused-"+connection, connection)
	s.cluster.apply(s.T, session)
	s.reaches(session, "False Rejected")
	s.nps.Faults().Remove("refuse")
}

// endSessions is step 5: the remaining messages appear, and no Secret of a session is left.
func (s *canaries) endSessions() {
	s.Helper()
	s.cluster.kubectl(s.T, "", "delete", "activitysessions", "--all", "--namespace="+s.namespace)
	secrets := &corev1.SecretList{}
	if err := s.cluster.client.List(s.Context(), secrets, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	if i := slices.IndexFunc(secrets.Items, func(o corev1.Secret) bool {
		return o.Type == pamv1alpha1.SecretTypeConnection
	}); i >= 0 {
		s.Errorf("Secret %s has outlived its session", secrets.Items[i].Name)
	}
}
