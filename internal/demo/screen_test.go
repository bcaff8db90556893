// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// screenAt writes into a string, and its clock stands this long after the start.
func screenAt(out *strings.Builder, color bool, elapsed time.Duration) *screen {
	began := time.Unix(0, 0)
	s := newScreen(out, color, func() time.Time { return began })
	s.now = func() time.Time { return began.Add(elapsed) }
	return s
}

func TestScreen(t *testing.T) {
	const elapsed = 12340 * time.Millisecond
	tests := map[string]struct {
		color bool
		want  string
	}{
		"with colors":    {true, "[  12.3s] \x1b[1mstarting\x1b[0m\n          one\n          two\n"},
		"without colors": {false, "[  12.3s] starting\n          one\n          two\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			s := screenAt(&out, tt.color, elapsed)
			s.step("starting")
			if _, err := s.Write([]byte("one\ntwo\n")); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestColorful(t *testing.T) {
	t.Setenv("TERM", "xterm")
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	device, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	tests := map[string]struct {
		file          *os.File
		noColor, term string
		want          bool
	}{
		"a terminal":                   {device, "", "xterm", true},
		"a file":                       {file, "", "xterm", false},
		"a terminal and NO_COLOR":      {device, "1", "xterm", false},
		"a terminal that cannot do it": {device, "", "dumb", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			t.Setenv("TERM", tt.term)
			if got := Colorful(tt.file); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	rows := objectRows([]observation{
		{identity: identity{"LocalUser", "ns", "alice"}, ready: true, reason: "Synced", detail: "4711"},
		{identity: identity{"ActivitySession", "payments", "über"}, reason: "Locked"},
	})
	tests := map[string]struct {
		color bool
		want  []string
	}{
		"without colors": {false, []string{
			"KIND              NAME    NAMESPACE   READY   REASON   KEY, PHASE OR VERSION",
			"LocalUser         alice   ns          True    Synced   4711",
			"ActivitySession   über    payments    False   Locked",
		}},
		"with colors, in the same columns": {true, []string{
			"\x1b[1mKIND\x1b[0m              \x1b[1mNAME\x1b[0m    \x1b[1mNAMESPACE\x1b[0m   " +
				"\x1b[1mREADY\x1b[0m   \x1b[1mREASON\x1b[0m   \x1b[1mKEY, PHASE OR VERSION\x1b[0m",
			"LocalUser         alice   ns          \x1b[32mTrue\x1b[0m    \x1b[32mSynced\x1b[0m   4711",
			"ActivitySession   über    payments    \x1b[33mFalse\x1b[0m   \x1b[33mLocked\x1b[0m",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := table(screenAt(&strings.Builder{}, tt.color, 0), rows)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
