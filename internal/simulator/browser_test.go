// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// user presses the buttons as a user does, each once the page shows what came of the last. The title becomes how far it
// got.
const user = `<script>
const found = (what, seek) => new Promise(resolve => {
  document.title = 'waiting for ' + what;
  const look = () => seek() ? resolve(seek()) : setTimeout(look, 50);
  look();
});
const labelled = label => [...document.querySelectorAll('button')].find(b => b.ariaLabel?.startsWith(label));
const holder = text => () => document.querySelector('[data-show=holder]')?.textContent.startsWith(text);
const row = (text, status) => () => [...document.querySelectorAll('tr')].find(
  r => r.textContent.includes(text) && r.textContent.includes(status));
(async () => {
  await found('a free configuration', holder('nobody'));
  document.querySelector('[data-do=take]').click();
  await found('the lock', holder('administrator (ui) since'));
  document.querySelector('[data-do=release]').click();
  await found('a released configuration', holder('nobody'));
  const approve = await found('Approve', () => labelled('Approve Activity Token for Domain Admin Access on dc1'));
  const rest = approve.ariaLabel.replace('Approve', '');
  approve.focus();
  approve.click();
  await found('the approval', () => !labelled('Approve' + rest) && row('dc1.example.com', 'Active')());
  await found('the focus', () => document.activeElement.localName === 'caption');
  (await found('Deny', () => labelled('Deny'))).click();
  await found('the denial', row('dc1.example.com', 'ApprovalDenied'));
  await found('the alert', () => document.querySelector('section:last-child [role=alert]').textContent);
  document.title = 'done';
})();
</script>`

func TestThePageInABrowser(t *testing.T) {
	browser := installedBrowser(t)
	a, config := appliance(t)
	a.Put("rdp/connections", "", map[string]any{"name": "<b>bold</b>"})
	server := nps.New(nps.Options{ProvisioningDelay: -1})
	approved, denied := requestApproval(t, server, "older"), requestApproval(t, server, "newer")
	config.Listeners[0].Kind = simulator.SPS
	config.Listeners = append(config.Listeners,
		simulator.Listener{Name: "nps", Control: server.ControlHandler(), Kind: simulator.NPS},
		simulator.Listener{Name: "broken", Control: http.NotFoundHandler(), Kind: simulator.NPS})
	document := open(t, browser, withUser(t, serve(t, config).PageURL()))
	for _, want := range []string{
		"<title>done</title>", "<td>&lt;b&gt;bold&lt;/b&gt;</td>", "<td>basic-view</td>",
		"GET broken/sessions: 404", "Done. Release", "Done. Deny",
	} {
		if !strings.Contains(document, want) {
			t.Errorf("the document has no %q", want)
		}
	}
	statuses := map[string]int{}
	for _, id := range []string{approved, denied} {
		s, _ := server.Session(id)
		statuses[s.Status]++
	}
	if statuses["Active"] != 1 || statuses["ApprovalDenied"] != 1 || a.LockedBy() != nil {
		t.Errorf("sessions %v, configuration locked by %v", statuses, a.LockedBy())
	}
	if t.Failed() {
		t.Log(document)
	}
}

func installedBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("neither chromium nor google-chrome is installed")
	return ""
}

// requestApproval requests a session that has to be approved.
func requestApproval(t *testing.T, server *nps.Server, note string) (id string) {
	t.Helper()
	post := func(path, token string, body, into any) {
		content, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(string(content)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code >= http.StatusMultipleChoices {
			t.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
	var first, token string
	var session struct{ ID string }
	post("/signinBody", "", map[string]any{"Login": nps.DefaultAdmin, "Password": nps.DefaultPassword}, &first)
	post("/signin2fa", first, nps.DefaultMFACode, &token)
	post("/api/v1/ActivitySession", token, map[string]any{
		"ActivityName": "Activity Token for Domain Admin Access", "ManagedResourceName": "dc1.example.com", "Note": note,
	}, &session)
	return session.ID
}

// withUser serves what the control port does, with the user at the end of the page.
func withUser(t *testing.T, page string) string {
	t.Helper()
	target, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path == "/" {
				r.Body = io.NopCloser(io.MultiReader(r.Body, strings.NewReader(user)))
				r.Header.Del("Content-Length")
				r.ContentLength = -1
			}
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// open returns what a page has become after a minute of the browser's clock, which is faster than ours but stands still
// while the page waits for an answer.
func open(t *testing.T, browser, page string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=60000", "--dump-dom", page)
	var problems strings.Builder
	command.Stderr = &problems
	document, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problems.String())
	}
	return string(document)
}
