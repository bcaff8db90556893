// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/session"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestAFolderHasWhatIsNeededToConnect(t *testing.T) {
	t.Parallel()
	ssh := session.Material{
		Protocol: pamv1alpha1.ProtocolSSH, Host: "proxy", Port: "4422", Username: `LAB\svc@lab+Linux_root+db1`,
		URL: []byte("ssh://secret"), Password: []byte("canary-password"),
	}
	const config = "Host pam\n  HostName proxy\n  Port 4422\n"
	strange := ssh
	strange.Username = `a"b%c`
	for name, c := range map[string]struct {
		m       session.Material
		keys    []byte
		want    map[string]string
		literal bool
	}{
		"ssh": {ssh, nil, map[string]string{
			"ssh_config": config + "  User \"LAB\\svc@lab+Linux_root+db1\"\n", "username": ssh.Username,
			"password": "canary-password",
		}, true},
		"ssh with known keys": {ssh, []byte("key"), map[string]string{
			"ssh_config": config + "  User \"LAB\\svc@lab+Linux_root+db1\"\n  UserKnownHostsFile \"/d/known_hosts\"\n" +
				"  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n",
			"username": ssh.Username, "password": "canary-password", "known_hosts": "key",
		}, true},
		"ssh with a user that it reads differently": {strange, nil, map[string]string{
			"ssh_config": config, "username": strange.Username, "password": "canary-password",
		}, false},
		"rdp": {
			session.Material{Protocol: pamv1alpha1.ProtocolRDP, RDP: []byte("full address:s:a\r\n"), Username: "token"},
			[]byte("key"),
			map[string]string{"session.rdp": "full address:s:a\r\n", "username": "token"}, true,
		},
		"nothing": {session.Material{Protocol: pamv1alpha1.ProtocolNone}, nil, map[string]string{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, literal, err := contents(c.m, "/d", c.keys)
			if err != nil || literal != c.literal {
				t.Error(literal, err)
			}
			got := map[string]string{}
			for name, content := range files {
				got[name] = string(content)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFolderIsPrivateAndGoes(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	d, err := privateFolder(func(string) string { return parent })
	if err != nil {
		t.Fatal(err)
	}
	m := session.Material{Protocol: pamv1alpha1.ProtocolRDP, RDP: []byte("x")}
	if _, err := d.fill(m); err != nil {
		t.Fatal(err)
	}
	expectMode(t, d.path, 0o700)
	expectMode(t, filepath.Join(d.path, fileRDP), 0o600)
	if err := d.remove(); err != nil {
		t.Error(err)
	}
	if _, err := d.fill(m); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

func TestAFolderOfOthersStays(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := givenFolder(path, true)
	if err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(path, "theirs")
	if err := os.WriteFile(theirs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := session.Material{Protocol: pamv1alpha1.ProtocolSSH, Host: "h", Port: "1", Username: "u"}
	if _, err := d.fill(m); err != nil {
		t.Fatal(err)
	}
	expectMode(t, filepath.Join(path, fileSSHConfig), 0o640)
	if err := d.remove(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(path); err != nil || len(left) != 1 || left[0].Name() != "theirs" {
		t.Error(left, err)
	}
}

func expectMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
		t.Errorf("%s: %v %v", path, info.Mode(), err)
	}
}

func TestNothingSecretIsInTheEnvironmentUnlessWanted(t *testing.T) {
	t.Parallel()
	m := session.Material{
		Protocol: pamv1alpha1.ProtocolSSH, Host: "proxy", Port: "4422", Username: "canary-user",
		URL: []byte("ssh://canary-user@proxy"), Password: []byte("canary-password"), RDP: []byte("canary-rdp"),
	}
	s := builder.ActivitySession("a")
	s.Status.SessionID = "id"
	for _, each := range variables(s, m, "/dir", false) {
		if strings.Contains(each, "canary") {
			t.Error(each)
		}
	}
	got := variables(s, m, "/dir", true)
	slices.Sort(got)
	want := []string{
		"PAM_DIR=/dir", "PAM_HOST=proxy", "PAM_NAMESPACE=default", "PAM_PASSWORD=canary-password", "PAM_PORT=4422",
		"PAM_PROTOCOL=SSH", "PAM_SESSION=a", "PAM_SESSION_ID=id", "PAM_SSH_URL=ssh://canary-user@proxy",
		"PAM_USERNAME=canary-user",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
