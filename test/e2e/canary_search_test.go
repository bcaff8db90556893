// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// plants are the texts to search for, and the Secrets that may hold them.
type plants struct {
	mu sync.Mutex
	// in maps each planted text to the names of the Secrets it was planted in.
	in map[string][]string
	// wire are the tokens and cookies that were seen on the wire.
	wire map[string]bool
}

func newPlants() *plants { return &plants{in: map[string][]string{}, wire: map[string]bool{}} }

// plant records what a Secret may hold.
func (p *plants) plant(secret string, texts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range texts {
		p.in[text] = append(p.in[text], secret)
	}
}

// plantAnywhere records what was not planted in a Secret.
func (p *plants) plantAnywhere(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wire[text] = true
}

func (p *plants) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.wire))
}

func (p *plants) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.in))
}

func (p *plants) mayHold(secret, text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.in[text], secret)
}

// search searches for everything that was planted, in every place that can be read.
func (s *canaries) search(metrics string) {
	s.Helper()
	planted, wire := s.all(), s.seen()
	if len(planted) < 10 || len(wire) < 5 {
		s.Errorf("only %d secrets and %d tokens to search for, which proves nothing", len(planted), len(wire))
	}
	for place, text := range map[string]string{
		"the manager's log": s.manager.log(s.T),
		"the metrics":       scrape(s.T, metrics),
		"the traces so far": s.traces.Received(),
		"an object":         everyObject(s.T, s.cluster),
	} {
		for _, secret := range append(planted, wire...) {
			s.expectAbsent(place, text, secret)
		}
	}
	// Those of the API server would be in hexadecimal, in which nothing is found.
	if log := s.manager.log(s.T); strings.Contains(log, "Request Body") || strings.Contains(log, "Response Body") {
		s.Error("the manager's log contains request bodies, including Secrets")
	}
	s.searchSecrets(planted, wire)
}

// searchTraces searches what was exported, also for what may be shown elsewhere: accounts and paths.
func (s *canaries) searchTraces() {
	s.Helper()
	names := s.traces.Names()
	for _, name := range []string{
		"reconcile LocalUser", "commit", "reconcile ActivitySession", "request_session", "log_in",
	} {
		if names[name] == 0 {
			s.Errorf("no span %s, so the search proves nothing about it: %v", name, names)
		}
	}
	hidden := []string{`LAB\coded`, `LAB\fixed`, "svc-backup", "/api/", "Bearer", "traceparent", "cannot log in with"}
	for _, secret := range slices.Concat(s.all(), s.seen(), hidden) {
		s.expectAbsent("a trace", s.traces.Received(), secret)
	}
}

// searchSecrets searches the Secrets, too: each may hold what was planted there, and the cookies that SPS issued at a
// log-in may be in the operator's session Secret.
func (s *canaries) searchSecrets(planted, wire []string) {
	s.Helper()
	secrets := &corev1.SecretList{}
	if err := s.cluster.client.List(s.Context(), secrets, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	cookies := s.sps.secrets(s.T)
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		text, err := json.Marshal(secret)
		if err != nil {
			s.Fatal(err)
		}
		shown := string(text)
		for _, value := range secret.Data {
			shown += "\n" + string(value)
		}
		for _, text := range append(planted, wire...) {
			if !s.mayHold(secret.Name, text) && !slices.Contains(cookies, text) {
				s.expectAbsent("Secret "+secret.Name, shown, text)
			}
		}
	}
}

func (s *canaries) expectAbsent(place, text, secret string) {
	s.Helper()
	for form, written := range map[string]string{
		"as it is": secret, "in JSON": jsonText(s.T, secret), "in a URL": url.QueryEscape(secret),
		"in base64": base64.StdEncoding.EncodeToString([]byte(secret)),
	} {
		if at := strings.Index(text, written); at >= 0 {
			s.Errorf("%s shows %.40q, %s: %q", place, secret, form, text[max(0, at-200):at])
			return
		}
	}
}

// jsonText is a text as it appears between the quotes of a JSON string.
func jsonText(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(quoted[1 : len(quoted)-1])
}

// reaches waits for the status of Ready and its reason.
func (s *canaries) reaches(o client.Object, want string) {
	s.Helper()
	NewWithT(s.T).Eventually(func(g Gomega) {
		s.manager.alive()
		s.get(g, o)
		status, ok := o.(interface {
			GetStatus() pamv1alpha1.ObjectStatus
		})
		g.Expect(ok).To(BeTrue())
		g.Expect(readyReason(*status.GetStatus().ObjectConditions())).To(Equal(want), fmt.Sprintf("%T %s", o, o.GetName()))
	}).WithTimeout(within).WithPolling(pollInterval).Should(Succeed())
}

func (s *canaries) get(g Gomega, o client.Object) {
	g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(o), o)).To(Succeed())
}

// scrape reads the metrics as Prometheus does.
func scrape(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(text), "controller_runtime_reconcile_total") {
		t.Fatalf("not metrics: %v: %.200s", err, text)
	}
	return string(text)
}
