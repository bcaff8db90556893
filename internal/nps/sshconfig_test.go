// SPDX-License-Identifier: Apache-2.0

package nps_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// sshURLs are the forms of a server's URL (docs/vendors/nps.md 7.1), and their meaning.
var sshURLs = map[string]nps.SSHTarget{
	"ssh://svc@lab.test@proxy.lab.test:4422":                      {"svc@lab.test", "proxy.lab.test", 4422},
	"ssh://svc@lab.test+Linux_root+db1@proxy.lab.test:22":         {"svc@lab.test+Linux_root+db1", "proxy.lab.test", 22},
	"ssh://svc%40lab.test%2BLinux_root%2Bdb1@proxy.lab.test:4422": {"svc@lab.test+Linux_root+db1", "proxy.lab.test", 4422},
	`ssh://LAB\svc+Linux root+db1@proxy.lab.test`:                 {`LAB\svc+Linux root+db1`, "proxy.lab.test", 4422},
	"ssh://0a1b2c3d@192.0.2.7":                                    {"0a1b2c3d", "192.0.2.7", 4422},
	"ssh://svc@[2001:db8::7]:4422":                                {"svc", "2001:db8::7", 4422},
	"ssh://svc#1@proxy.lab.test:4422":                             {"svc#1", "proxy.lab.test", 4422},
	"ssh://proxy.lab.test":                                        {"", "proxy.lab.test", 4422},
}

// TestSSHReachesTheTarget checks with ssh itself, in both ways that the documentation shows.
func TestSSHReachesTheTarget(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("there is no ssh on this machine that could be asked")
	}
	for url, want := range sshURLs {
		t.Run(url, func(t *testing.T) {
			target, err := nps.ParseSSHURL(url)
			if err != nil || target != want {
				t.Fatalf("%+v, %v", target, err)
			}
			config, ok := target.Config()
			if !ok {
				t.Fatal("no configuration")
			}
			file := filepath.Join(t.TempDir(), "ssh-config")
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			reaches(t, ssh, want, "-F", file, nps.SSHConfigHost)
			if want.User != "" {
				reaches(t, ssh, want, "-F", os.DevNull, "-l", want.User, "-p", strconv.Itoa(want.Port), "--", want.Host)
			}
		})
	}
}

func reaches(t *testing.T, ssh string, want nps.SSHTarget, arguments ...string) {
	t.Helper()
	// With -G, ssh connects to nothing.
	out, err := exec.CommandContext(t.Context(), ssh, append([]string{"-G"}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(string(out), "\n")
	for _, line := range []string{"hostname " + want.Host, "port " + strconv.Itoa(want.Port), "user " + want.User} {
		if want.User == "" && strings.HasPrefix(line, "user ") {
			continue // ssh uses the name of the local user
		}
		if !slices.Contains(lines, line) {
			t.Errorf("%q: ssh does not say %q", arguments, line)
		}
	}
}

func TestUsersThatSSHMayReadDifferently(t *testing.T) {
	for _, user := range []string{`a"b`, "a%b", "${HOME}", `a\\b`, `a\'b`, `a\`} {
		if config, ok := (nps.SSHTarget{User: user, Host: "h", Port: 22}).Config(); ok {
			t.Errorf("%q has the configuration %q", user, config)
		}
	}
}
