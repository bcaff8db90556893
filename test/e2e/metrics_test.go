// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/pam-operator/pam-operator/test/builder"
)

// TestMetricsAreForThoseWhoMayReadThem scrapes the metrics as an installation serves them: over TLS, with the token of
// a service account, by the right that config/rbac grants.
func TestMetricsAreForThoseWhoMayReadThem(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	namespace := c.newNamespace("metrics")
	c.apply(t, builder.Namespace(namespace))
	for _, account := range []string{"reader", "stranger"} {
		c.kubectl(t, "", "create", "serviceaccount", account, "-n", namespace)
	}
	c.kubectl(t, "", "create", "clusterrolebinding", namespace, "--clusterrole=pam-operator-metrics-reader",
		"--serviceaccount="+namespace+":reader")
	token := func(account string) string {
		return strings.TrimSpace(c.kubectl(t, "", "create", "token", account, "-n", namespace))
	}
	address := freeAddress(t)
	m := newManager(t, c, namespace)
	m.arguments = []string{"--metrics-bind-address=" + address}
	m.start(t)
	defer m.stop(t)

	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // G402: the manager's self-signed certificate
	}}
	defer client.CloseIdleConnections()
	get := func(token string) (int, string, error) {
		return metrics(t.Context(), client, "https://"+address+"/metrics", token)
	}
	allowed := token("reader")
	g := NewWithT(t)
	g.Eventually(func() (int, error) {
		m.alive()
		status, _, err := get(allowed)
		return status, err
	}, within, pollInterval).Should(Equal(http.StatusOK))
	for name, want := range map[string]struct {
		token    string
		statuses []int
	}{
		"with the right":    {allowed, []int{http.StatusOK}},
		"without the right": {token("stranger"), []int{http.StatusForbidden}},
		// The filter returns an error of its own for a token that the API server does not know.
		"a token of nobody": {"made-up", []int{http.StatusUnauthorized, http.StatusInternalServerError}},
		"nobody":            {"", []int{http.StatusUnauthorized}},
	} {
		status, text, err := get(want.token)
		g.Expect(err).NotTo(HaveOccurred(), name)
		g.Expect(want.statuses).To(ContainElement(status), name)
		g.Expect(strings.Contains(text, "controller_runtime_")).To(Equal(status == http.StatusOK), name)
	}
}

func metrics(ctx context.Context, client *http.Client, url, token string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// freeAddress is a free one.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
