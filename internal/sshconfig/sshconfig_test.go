// SPDX-License-Identifier: Apache-2.0

package sshconfig_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/sshconfig"
)

func TestAConfigurationIsAsDocumented(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		target sshconfig.Target
		want   string
	}{
		"a domain, a user and a host": {
			sshconfig.Target{Alias: "pam", Host: "proxy.lab.test", Port: "4422", User: `LAB\svc@lab.test+Linux root+db1`},
			"Host pam\n  HostName proxy.lab.test\n  Port 4422\n  User \"LAB\\svc@lab.test+Linux root+db1\"\n",
		},
		"nobody in particular": {
			sshconfig.Target{Alias: "pam", Host: "2001:db8::7", Port: "22"},
			"Host pam\n  HostName 2001:db8::7\n  Port 22\n",
		},
		"known keys": {
			sshconfig.Target{Alias: "pam", Host: "h", Port: "22", User: "u", KnownHosts: "/tmp/a b/100%"},
			"Host pam\n  HostName h\n  Port 22\n  User \"u\"\n  UserKnownHostsFile \"/tmp/a b/100%%\"\n" +
				"  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.target.Text()
			if err != nil || got != c.want {
				t.Errorf("%q %v, want %q", got, err, c.want)
			}
		})
	}
	for _, path := range []string{`/tmp/a"b`, `/tmp/${HOME}`, `/tmp/a\`, "/tmp/a\nb"} {
		if text, err := (sshconfig.Target{Alias: "a", Host: "h", Port: "22", KnownHosts: path}).Text(); err == nil {
			t.Errorf("the path %q gives %q", path, text)
		}
	}
}

// FuzzSSHReadsTheUserAsItIs asks ssh itself what it makes of a user name. With -G, ssh connects to nothing.
func FuzzSSHReadsTheUserAsItIs(f *testing.F) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		f.Log("there is no ssh on this machine that could be asked: only the shape of the text is checked")
	}
	for _, seed := range []string{
		`LAB\svc`, `LAB\svc+Linux root+db1@lab.test`, "0a1b2c3d4e5f", "svc#1", "a=b", " lead", "trail ", "ä", "a'b",
		"a,b;c&d|e", `a"b`, "%h", "${HOME}", `a\\b`, `a\'b`, `a\`, "a\nHost *", "-oProxyCommand=x",
		"*", "!a", "~root", "a\tb", "\x00", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, user string) {
		text, err := sshconfig.Target{Alias: "pam", Host: "proxy.lab.test", Port: "4422", User: user}.Text()
		if (err == nil) != sshconfig.Literal(user) {
			t.Fatalf("%q: %v", user, err)
		}
		if err != nil {
			return
		}
		if lines := strings.Count(text, "\n"); lines > 4 {
			t.Fatalf("%q gives %d lines", user, lines)
		}
		if ssh == "" || user == "" {
			return
		}
		file := filepath.Join(t.TempDir(), "ssh_config")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), ssh, "-G", "-F", file, "pam").CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", user, err, out)
		}
		lines := strings.Split(string(out), "\n")
		for _, want := range []string{"hostname proxy.lab.test", "port 4422", "user " + user} {
			if !slices.Contains(lines, want) {
				t.Errorf("%q: ssh does not say %q", text, want)
			}
		}
	})
}

func TestEveryWordIsOneWord(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]sshconfig.Target{
		"a host with a command":  {Alias: "pam", Host: "h\n  ProxyCommand sh -c id", Port: "22"},
		"a host with a blank":    {Alias: "pam", Host: "h x", Port: "22"},
		"a host with a token":    {Alias: "pam", Host: "%h", Port: "22"},
		"a port with a command":  {Alias: "pam", Host: "h", Port: "22\n  ProxyCommand id"},
		"an alias for all hosts": {Alias: "*", Host: "h", Port: "22"},
		"no host":                {Alias: "pam", Port: "22"},
	} {
		if text, err := target.Text(); err == nil {
			t.Errorf("%s is written:\n%s", name, text)
		}
	}
	for _, host := range []string{"nps-proxy.lab.test", "10.0.0.1", "fe80::1"} {
		if _, err := (sshconfig.Target{Alias: "pam", Host: host, Port: "22"}).Text(); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}
