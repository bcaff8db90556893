// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mounted returns a folder as a kubelet creates it: links into the folder of the current version.
func mounted(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	version := filepath.Join(dir, "..version")
	if err := os.Mkdir(version, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"rdp": "secret", "session-id": "4711", "empty": ""} {
		if err := os.WriteFile(filepath.Join(version, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(version, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(version, filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRun(t *testing.T) {
	dir := mounted(t)
	tests := map[string]struct {
		args       []string
		want, fail string
	}{
		"sizes only": {[]string{dir}, `{"empty":{"size":0},"rdp":{"size":6},"session-id":{"size":4}}`, ""},
		"a content that is asked for": {
			[]string{dir, "session-id"},
			`{"empty":{"size":0},"rdp":{"size":6},"session-id":{"size":4,"content":"4711"}}`, "",
		},
		"a file that is not there": {[]string{dir, "ssh-url"}, "", "no file ssh-url"},
		"an empty file":            {[]string{dir, "empty"}, "", "or an empty one"},
		"no folder":                {nil, "", "usage"},
		"a folder that is missing": {[]string{filepath.Join(dir, "no")}, "", "no such file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := run(tt.args, &out)
			if (err == nil) != (tt.fail == "") || err != nil && !strings.Contains(err.Error(), tt.fail) {
				t.Fatalf("error %v, want %q in it", err, tt.fail)
			}
			if got := strings.TrimSpace(out.String()); got != tt.want {
				t.Errorf("printed %s, want %s", got, tt.want)
			}
		})
	}
}
