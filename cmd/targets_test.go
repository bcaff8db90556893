// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

func TestPlacesOfTheAPIServer(t *testing.T) {
	pod := map[string]string{"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
	tests := map[string]struct {
		host        string
		environment map[string]string
		want        []string
	}{
		"in a Pod": {
			"https://10.96.0.1:443", pod, []string{"10.96.0.1:443", "kubernetes.default.svc:443", "10.96.0.1:443"},
		},
		"by a kubeconfig":     {"https://api.example.com:6443", nil, []string{"api.example.com:6443"}},
		"without a port":      {"https://api.example.com", nil, []string{"api.example.com:443"}},
		"without a scheme":    {"api.example.com:6443", nil, []string{"api.example.com:6443"}},
		"by an IPv6 address":  {"https://[fd00::1]:6443", nil, []string{"[fd00::1]:6443"}},
		"that cannot be read": {"https://%zz", nil, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := apiServers(&rest.Config{Host: tc.host}, func(name string) string { return tc.environment[name] })
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTargetsAddUp(t *testing.T) {
	var got targets
	for _, text := range []string{"a.example.com, 10.0.0.0/8", "", "b:443,"} {
		if err := got.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	if want := "a.example.com,10.0.0.0/8,b:443"; got.String() != want {
		t.Errorf("got %s", got.String())
	}
}

func TestAnswerMemory(t *testing.T) {
	for text, want := range map[string]int64{"96Mi": 96 << 20, "1Gi": 1 << 30, "1Mi": 0, "x": 0, "-1Gi": 0} {
		var s settings
		if err := s.setAnswerMemory(text); (err == nil) != (want > 0) || want > 0 && s.answerMemory != want {
			t.Errorf("%s: got %d, %v", text, s.answerMemory, err)
		}
	}
}
