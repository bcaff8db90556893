// SPDX-License-Identifier: Apache-2.0

package leadership

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamespaceOf(t *testing.T) {
	t.Parallel()
	pod := filepath.Join(t.TempDir(), "namespace")
	if err := os.WriteFile(pod, []byte("pam-system\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ wanted, file, want string }{
		"the one that was asked for": {wanted: "leases", file: pod, want: "leases"},
		"that of the Pod":            {file: pod, want: "pam-system"},
		"none":                       {file: filepath.Join(t.TempDir(), "none")},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := namespaceOf(tc.wanted, tc.file)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
			if err == nil {
				return
			}
			for _, way := range []string{"--leader-election-namespace", "--leader-elect=false"} {
				if !strings.Contains(err.Error(), way) {
					t.Errorf("%v does not mention %s", err, way)
				}
			}
		})
	}
}
