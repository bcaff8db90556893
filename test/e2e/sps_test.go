// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pam-operator/pam-operator/internal/simulator"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	rdpConnections = "rdp/connections"
	policiesPath   = "/api/configuration/rdp/connections"
	transaction    = "/api/transaction"

	spsUser     = "pam-operator"
	spsPassword = "canary-password-of-the-appliance"
)

// policyByHand is the body of a policy that an administrator created.
func policyByHand(t *testing.T, name string) map[string]any {
	t.Helper()
	body := map[string]any{}
	if err := json.Unmarshal([]byte(policyOfAnAdministrator), &body); err != nil {
		t.Fatal(err)
	}
	body["name"] = name
	return body
}

// policyOfAnAdministrator has every mandatory member of a policy (docs/vendors/sps.md 5), except for its name.
const policyOfAnAdministrator = `{
	"active": true, "access_control": [], "channel_database_cleanup": {"enabled": false},
	"indexing": {"enabled": false}, "log_audit_trail_downloads": false,
	"network": {"clients": ["0.0.0.0/0"], "ports": [3390], "targets": ["10.30.255.28/24"]},
	"policies": {
		"aa_plugin": null, "analytics_policy": null, "archive_cleanup_policy": null,
		"audit_policy": "78101850949e47437dd91d", "backup_policy": null, "channel_policy": "-20100",
		"credential_store": null, "ldap_server": null, "settings": "-303", "usermapping_policy": null
	},
	"rate_limit": {"enabled": false}, "remote_desktop_gateway": {"enabled": false},
	"server_address": {"selection": "original"}, "server_certificate_check": {"enabled": false},
	"source_address": {"selection": "original"}, "transport_security": {"selection": "legacy"},
	"web_gateway_authentication": {"enabled": false}
}`

// spsSite is a simulated SPS appliance, and a namespace with a connection to it.
type spsSite struct {
	*simsps.Appliance
	namespace string

	mu sync.Mutex
	// committed is called with the response to a successful commit, before the client gets it. If it returns true, the
	// client gets none.
	committed func() (withhold bool)
	cookies   map[string]bool
}

// newSPSSite starts the appliance and applies the connection, under the name that objects refer to by default.
func newSPSSite(t *testing.T, c *cluster, namespace string, options simsps.Options) *spsSite {
	t.Helper()
	options.Users = map[string]string{spsUser: spsPassword}
	s := &spsSite{Appliance: simsps.New(options), namespace: namespace, cookies: map[string]bool{}}
	running, err := simulator.Serve(t.Context(), simulator.Config{
		Listeners: []simulator.Listener{{Name: "sps", Handler: http.HandlerFunc(s.serve)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	in := builder.InNamespace(namespace)
	c.apply(t, builder.Namespace(namespace),
		builder.Secret(builder.SPSCredentials, map[string]string{"username": spsUser, "password": spsPassword}, in),
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ca"},
			Data:       map[string]string{"ca.crt": string(running.CA().CertificatePEM())},
		},
		builder.SPSConnection(builder.DefaultSPSConnection, in, builder.URL(running.URL("sps")), builder.TrustedCA("ca")))
	return s
}

// serve wraps the appliance and records the secrets in its responses.
func (s *spsSite) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut && r.URL.Path == transaction {
		s.commit(w, r)
	} else {
		s.Handler().ServeHTTP(w, r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cookie := range (&http.Response{Header: w.Header()}).Cookies() {
		s.cookies[cookie.Value] = true
	}
}

// commit completes a commit that has begun, as an appliance does whose client dies meanwhile.
func (s *spsSite) commit(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	s.mu.Lock()
	committed := s.committed
	s.mu.Unlock()
	if answer.Code == http.StatusOK && committed != nil && committed() {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// onCommit sets what is called at every successful commit; nil removes it.
func (s *spsSite) onCommit(committed func() (withhold bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed = committed
}

// secrets are the texts that must not appear outside a Secret: the credentials, and the cookies of all log-ins.
func (s *spsSite) secrets(t *testing.T) []string {
	t.Helper()
	logIns := s.Stats().LogIns
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cookies) < logIns {
		t.Errorf("%d cookies were seen of %d log-ins", len(s.cookies), logIns)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(spsUser + ":" + spsPassword))
	return append(slices.Collect(maps.Keys(s.cookies)), spsPassword, basic)
}

// state is the whole committed configuration, by collection.
func (s *spsSite) state(t *testing.T) map[string][]simsps.Object {
	t.Helper()
	answer := httptest.NewRecorder()
	s.ControlHandler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/state", nil))
	var state map[string][]simsps.Object
	if err := json.Unmarshal(answer.Body.Bytes(), &state); err != nil {
		t.Fatal(err)
	}
	return state
}

// lockRefusals counts the transactions that were refused because another user holds the configuration.
func (s *spsSite) lockRefusals() int {
	count := 0
	for _, call := range s.Faults().Calls() {
		if call.Method == http.MethodPost && call.Path == transaction && call.Status == s.Switches().LockStatus {
			count++
		}
	}
	return count
}
