// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/simulator"
)

func TestThePageAndWhatItShows(t *testing.T) {
	_, config := appliance(t)
	config.Listeners[0].Kind = simulator.SPS
	config.Listeners = append(config.Listeners,
		simulator.Listener{Name: "unknown", Control: http.NotFoundHandler()},
		simulator.Listener{Name: "uncontrolled", Kind: simulator.NPS})
	r := serve(t, config)
	page := send(t, http.DefaultClient, http.MethodGet, r.PageURL(), nil)
	if page.StatusCode != http.StatusOK || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") ||
		!strings.Contains(page.text, "<title>Simulated appliances</title>") {
		t.Errorf("status %d, header %v: %s", page.StatusCode, page.Header, page.text)
	}
	const want = `[{"kind":"sps","name":"sps"}]`
	if got := send(t, http.DefaultClient, http.MethodGet, r.PageURL()+"appliances", nil); got.text != want+"\n" {
		t.Errorf("appliances %s, want %s", got.text, want)
	}
}

func TestOtherWebsitesCannotUseTheControlPort(t *testing.T) {
	a, config := appliance(t)
	r := serve(t, config)
	port := strings.TrimSuffix(r.PageURL()[strings.LastIndex(r.PageURL(), ":"):], "/")
	const change, read = http.MethodDelete, http.MethodGet
	tests := map[string]struct {
		method, host  string
		header, value string
		want          int
	}{
		"a program that is no browser":           {change, "127.0.0.1" + port, "", "", 204},
		"the page":                               {change, "localhost" + port, "Sec-Fetch-Site", "same-origin", 204},
		"the page, through IPv6":                 {change, "[::1]" + port, "Origin", "http://[::1]" + port, 204},
		"the page, through port 80":              {change, "127.0.0.1", "Origin", "http://127.0.0.1", 204},
		"another site":                           {change, "127.0.0.1" + port, "Sec-Fetch-Site", "cross-site", 403},
		"a page on another port":                 {change, "127.0.0.1" + port, "Sec-Fetch-Site", "same-site", 403},
		"another site in an old browser":         {change, "127.0.0.1" + port, "Origin", "https://example.com", 403},
		"another site whose name means loopback": {change, "example.com" + port, "Sec-Fetch-Site", "same-origin", 403},
		"the same, when it reads":                {read, "example.com" + port, "Sec-Fetch-Site", "same-origin", 403},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a.LockBy("bob", "ui")
			got := send(t, http.DefaultClient, tt.method, r.ControlURL("sps")+"/lock", func(r *http.Request) {
				r.Host = tt.host
				if tt.header != "" {
					r.Header.Set(tt.header, tt.value)
				}
			})
			if got.StatusCode != tt.want || (a.LockedBy() == nil) != (tt.want == http.StatusNoContent) {
				t.Errorf("status %d, want %d; locked by %v", got.StatusCode, tt.want, a.LockedBy())
			}
		})
	}
}
