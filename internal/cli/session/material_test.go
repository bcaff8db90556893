// SPDX-License-Identifier: Apache-2.0

package session

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestASecretThatSomebodyElseHasWrittenIsNotUsed(t *testing.T) {
	t.Parallel()
	written := map[string]string{
		keyProtocol: "SSH", keyHost: "proxy.lab.test", keyPort: "4422", keyUsername: "svc", keySessionID: "4711",
		keyRDP: "full address:s:proxy", "expires-at": "soon",
	}
	for name, c := range map[string]struct {
		is     map[string]string // what differs from what was written
		digest bool              // whether the status has one, as that of an earlier version does not
		err    string
	}{
		"as it was written":                {nil, true, ""},
		"as an earlier operator wrote it":  {nil, false, ""},
		"whose end has moved":              {map[string]string{"expires-at": "later"}, true, ""},
		"with another host":                {map[string]string{keyHost: "evil.example.com"}, true, "somebody else"},
		"with another RDP file":            {map[string]string{keyRDP: "alternate shell:s:calc"}, true, "somebody else"},
		"with one key more":                {map[string]string{keyPassword: "x"}, true, "somebody else"},
		"with an option for a host":        {map[string]string{keyHost: "-oProxyCommand"}, false, "the host of the session"},
		"with an option for a user":        {map[string]string{keyUsername: "-x"}, false, "the username of the session"},
		"with a port of two lines":         {map[string]string{keyPort: "22\nHost x"}, false, "the port of the session"},
		"of another session, or of nobody": {map[string]string{keySessionID: "4712"}, true, "does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := builder.ActivitySession("a")
				s.UID, s.Status.SessionID = "u", "4711"
				s.Status.ConnectionSecretRef = &pamv1alpha1.SecretReference{Name: "a"}
				secret := builder.Secret("a", written, builder.InNamespace(s.Namespace))
				secret.Data = map[string][]byte{}
				for key, value := range written {
					secret.Data[key] = []byte(value)
				}
				secret.StringData = nil
				secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(s,
					pamv1alpha1.GroupVersion.WithKind("ActivitySession"))}
				if c.digest {
					s.Status.ConnectionSecretDigest = pamv1alpha1.ConnectionSecretDigest(secret)
				}
				for key, value := range c.is {
					secret.Data[key] = []byte(value)
				}
				if err := fetched(t, s, secret); (err == nil) != (c.err == "") ||
					err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
			})
		})
	}
}

func fetched(t *testing.T, s *pamv1alpha1.ActivitySession, secret *corev1.Secret) error {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := &cluster.Client{WithWatch: fake.NewClientBuilder().WithScheme(scheme).WithObjects(secret).Build()}
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	_, err := Fetch(t.Context(), frame.New(streams, ""), c, s,
		func(context.Context) (*pamv1alpha1.ActivitySession, error) { return s, nil })
	return err
}

func TestTheClientGetsAConfigurationOfOurOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user, separate string
		line           string
	}{
		"a user":                          {`LAB\svc+root`, "", `  User "LAB\svc+root"`},
		"a user that is no literal":       {"${HOME}", "${HOME}", "  HostName proxy.lab.test"},
		"a user of a configuration's own": {`a" ProxyCommand "x`, `a" ProxyCommand "x`, "  HostName proxy.lab.test"},
	} {
		m := Material{Protocol: pamv1alpha1.ProtocolSSH, Host: "proxy.lab.test", Port: "22", Username: c.user}
		file, separate, err := m.WriteTo(t.TempDir())
		if err != nil || separate != c.separate {
			t.Errorf("%s: %q, %v", name, separate, err)
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte(c.line+"\n")) || bytes.Contains(text, []byte("ProxyCommand")) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	for _, host := range []string{"", "-oProxyCommand=x", "a\nProxyCommand x", "a b", `a"`, "%h"} {
		m := Material{Protocol: pamv1alpha1.ProtocolSSH, Host: host, Port: "22"}
		if _, _, err := m.WriteTo(t.TempDir()); err == nil {
			t.Errorf("the host %q can be written", host)
		}
	}
}

func TestAFolderOfSomebodyElseIsNotNeeded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, parent := range []string{"", "/nonexistent", file, "/proc"} {
		folder, err := PrivateFolder(func(string) string { return parent })
		if err != nil {
			t.Errorf("XDG_RUNTIME_DIR=%s: %v", parent, err)
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	}
}
