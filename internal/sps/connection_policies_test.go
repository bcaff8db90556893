// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestDefaultConnectionPolicyBelongsToNoProtocol(t *testing.T) {
	t.Parallel()
	got, err := sps.ToBody(sps.DefaultConnectionPolicy(22))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"access_control", "active", "channel_database_cleanup", "indexing", "log_audit_trail_downloads", "name", "network",
		"policies", "rate_limit", "server_address", "source_address", "web_gateway_authentication",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	network := map[string]any{"clients": []any{}, "targets": []any{}, "ports": []any{json.Number("22")}}
	if diff := cmp.Diff(network, got["network"]); diff != "" {
		t.Errorf("network (-want +got):\n%s", diff)
	}
}
