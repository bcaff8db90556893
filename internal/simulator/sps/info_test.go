// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func TestInfo(t *testing.T) {
	for version, firmware := range map[string]string{
		"6.0": "6.0.4", "7.0": "7.0.3", "8.0": "8.0.0", "": "8.0.0", "7.4.1": "7.4.1",
	} {
		t.Run(version, func(t *testing.T) {
			b := start(t, version, nil)
			public := []string{"domainname", "hostname", "nickname", "plugin_sdk_version", "support_link"}
			body, _ := b.anonymous().must(http.MethodGet, "/api/info", nil)["body"].(object)
			if diff := cmp.Diff(public, slices.Sorted(maps.Keys(body))); diff != "" {
				t.Errorf("anonymous members (-want +got):\n%s", diff)
			}
			answer := b.logIn().must(http.MethodGet, "/api/info", nil)
			if dig(answer, "body", "firmware_version") != firmware || answer["key"] != "about_info" {
				t.Errorf("answer: %v", answer)
			}
			if got := dig(answer, "meta", "transaction"); got != nil {
				t.Errorf("there is a link to the transaction: %v", got)
			}
		})
	}
}

func TestInfoWithoutAHash(t *testing.T) {
	c := start(t, "8.0", func(s *sps.Switches) { s.ConfigHash = false }).logIn()
	if got := dig(c.must(http.MethodGet, "/api/info", nil), "body", "config_hash"); got != nil {
		t.Errorf("config_hash: %v", got)
	}
}

func TestHealthInBothSpellings(t *testing.T) {
	b := start(t, "8.0", nil)
	b.sps.StartSession(sps.AuditSession{})
	c := b.logIn()
	for _, path := range []string{"/api/health_status", "/api/health-status"} {
		if got := dig(c.must(http.MethodGet, path, nil), "health_status", "sessions", "rdp"); got != 1.0 {
			t.Errorf("%s: %v RDP sessions, want 1", path, got)
		}
		b.anonymous().refusedWith(401, "Unauthenticated", http.MethodGet, path, nil)
	}
}

func TestSetupNeedsNoLogIn(t *testing.T) {
	c := start(t, "8.0", func(s *sps.Switches) { s.SetupStatus = "booting" }).anonymous()
	if got := c.must(http.MethodGet, "/api/setup", nil)["status"]; got != "booting" {
		t.Errorf("status: %v", got)
	}
}

func TestAreas(t *testing.T) {
	for version, want := range map[string]bool{"6.0": false, "8.0": true} {
		t.Run(version, func(t *testing.T) {
			keys := keysOf(start(t, version, nil).logIn().must(http.MethodGet, "/api", nil))
			if got := slices.Contains(keys, "active-sessions"); got != want {
				t.Errorf("active-sessions among %v: %v, want %v", keys, got, want)
			}
		})
	}
}

func TestFirmwareSlotAndTimeout(t *testing.T) {
	c := start(t, "7.0", nil).logIn()
	items, _ := c.must(http.MethodGet, "/api/firmware/slots", nil)["items"].([]any)
	if len(items) != 1 || dig(items[0], "body", "version") != "7.0.3" {
		t.Errorf("slots: %v", items)
	}
	if got := dig(c.must(http.MethodGet, configuration+"/management/webinterface", nil), "body", "timeout"); got != 10.0 {
		t.Errorf("timeout: %v minutes, want 10", got)
	}
}
