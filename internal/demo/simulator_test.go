// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const announced = `SPS       https://127.0.0.1:1  (version 8.0, user robot)
NPS       https://127.0.0.1:2  (application robot)
page      http://127.0.0.1:3/
control   http://127.0.0.1:3/sps  http://127.0.0.1:3/nps
CA        x/ca.crt, client certificate x/client.crt and client.key
`

func TestAnnouncementIsReadHoweverItArrives(t *testing.T) {
	want := appliances{
		SPS: "https://127.0.0.1:1", NPS: "https://127.0.0.1:2",
		SPSControl: "http://127.0.0.1:3/sps", NPSControl: "http://127.0.0.1:3/nps", Page: "http://127.0.0.1:3/",
	}
	for size := 1; size <= len(announced); size++ {
		a := &announcement{complete: make(chan struct{})}
		for rest := announced; rest != ""; {
			n := min(size, len(rest))
			if _, err := a.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		<-a.complete
		if got, _ := parseAnnouncement(a.text()); got != want {
			t.Fatalf("in pieces of %d: %+v", size, got)
		}
	}
}

func TestAnnouncementThatIsNotComplete(t *testing.T) {
	for end := range strings.LastIndex(announced, "CA") {
		if _, all := parseAnnouncement(announced[:end]); all {
			t.Fatalf("complete without its last address: %q", announced[:end])
		}
	}
}

// controlAPI answers every request with this status and body, and keeps the last one.
func controlAPI(t *testing.T, status int, body string) (base string, last *url.URL) {
	t.Helper()
	last = &url.URL{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r.URL
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL, last
}

func TestControl(t *testing.T) {
	tests := map[string]struct {
		status     int
		body       string
		want, fail string
	}{
		"an answer":               {http.StatusOK, `{"name": "x"}`, "x", ""},
		"a refusal":               {http.StatusConflict, `{"error": "no"}`, "", `409 Conflict: {"error": "no"}`},
		"an answer without sense": {http.StatusOK, `<html>`, "", "invalid character"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			base, _ := controlAPI(t, tt.status, tt.body)
			var got struct{ Name string }
			err := control(t.Context(), http.MethodGet, base, nil, &got)
			if got.Name != tt.want || tt.fail == "" && err != nil {
				t.Errorf("got %q, error %v", got.Name, err)
			}
			if tt.fail != "" && (err == nil || !strings.Contains(err.Error(), tt.fail)) {
				t.Errorf("error %v, want %q in it", err, tt.fail)
			}
		})
	}
}

func TestPrepareEditsChangesOnlyThePortAndTheName(t *testing.T) {
	base, last := controlAPI(t, http.StatusOK, `[
		{"key": "1", "body": {"name": "rdp_finance", "network": {"ports": [3389]}}},
		{"key": "a/b", "body": {"name": "rdp_demo", "active": true, "network": {"ports": [3389], "clients": []}}}
	]`)
	d := &demo{dir: t.TempDir(), appliances: appliances{SPSControl: base + "/sps"}}
	edit, create, err := d.prepareEdits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put := "kubectl -s " + base + " replace --raw '/sps/objects?collection=rdp/connections"
	want := []string{put + "&key=a%2Fb' -f " + d.path(editedPolicy), put + "' -f " + d.path(madePolicy)}
	if diff := cmp.Diff(want, []string{edit, create}); diff != "" {
		t.Errorf("commands: -want +got\n%s", diff)
	}
	if got := last.Query().Get("collection"); got != policiesCollection {
		t.Errorf("read from collection %q", got)
	}
	for file, name := range map[string]string{editedPolicy: "rdp_demo", madePolicy: "rdp_legacy"} {
		content, err := os.ReadFile(d.path(file))
		if err != nil {
			t.Fatal(err)
		}
		var edited any
		if err := json.Unmarshal(content, &edited); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{
			"name": name, "active": true, "network": map[string]any{"ports": []any{3390.0}, "clients": []any{}},
		}, edited); diff != "" {
			t.Errorf("%s: -want +got\n%s", file, diff)
		}
	}
}
