// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

// Keys of a session's Secret.
const (
	keyProtocol  = "protocol"
	keyHost      = "host"
	keyPort      = "port"
	keyRDP       = "rdp"
	keySSHURL    = "ssh-url"
	keySSHConfig = "ssh-config"
	keySessionID = "session-id"
	keyUsername  = "username"
	keyPassword  = "password"
)

// sshAlias is the host in the ssh configuration of a session.
const sshAlias = "session"

// Material is what one connects with. All of it is secret but Protocol, Host and Port: even the user name may be a
// token.
type Material struct {
	Protocol   pamv1alpha1.Protocol
	Host, Port string
	Username   string
	// RDP is the RDP file, and URL the SSH URL; Password is there if it was asked for and allowed.
	RDP, URL, Password []byte

	config []byte
}

// Fetch reads the Secret of an active session, which is the only one that the plugin ever reads. It must be the
// session's own.
func Fetch(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) (Material, error) {
	if s.Status.ConnectionSecretRef == nil {
		return Material{}, frame.Nof("as/%s is %s, and has no connection data", s.Name, s.Status.Phase)
	}
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: s.Namespace, Name: s.Status.ConnectionSecretRef.Name}
	if err := c.Get(ctx, key, secret); err != nil {
		return Material{}, err
	}
	if !metav1.IsControlledBy(secret, s) || string(secret.Data[keySessionID]) != s.Status.SessionID {
		return Material{}, fmt.Errorf("the Secret %s does not belong to the session as/%s; it is not used", key.Name, s.Name)
	}
	return Material{
		Protocol: pamv1alpha1.Protocol(secret.Data[keyProtocol]),
		Host:     string(secret.Data[keyHost]), Port: string(secret.Data[keyPort]),
		Username: string(secret.Data[keyUsername]), Password: secret.Data[keyPassword],
		RDP: secret.Data[keyRDP], URL: secret.Data[keySSHURL], config: secret.Data[keySSHConfig],
	}, nil
}

// Describe says where the session leads, without what is secret.
func (m Material) Describe() string {
	address := m.Host
	if m.Port != "" {
		address = net.JoinHostPort(m.Host, m.Port)
	}
	switch m.Protocol {
	case pamv1alpha1.ProtocolSSH:
		return "ssh://...@" + address
	case pamv1alpha1.ProtocolRDP:
		return "rdp://...@" + address
	}
	return "no connection data: the server gave none that can be used"
}

// Secret is the text to connect with, token and all.
func (m Material) Secret() string {
	if m.Protocol == pamv1alpha1.ProtocolRDP {
		return string(m.RDP)
	}
	return string(m.URL)
}

// PrivateFolder makes a folder that nobody else can read, in memory if the system has such a place for the user.
func PrivateFolder(getenv func(string) string) (string, error) {
	parent := cmp.Or(getenv("XDG_RUNTIME_DIR"), os.TempDir())
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		parent = os.TempDir()
	}
	return os.MkdirTemp(parent, "kubectl-pam-")
}

// WriteTo writes the file for the client of the protocol into a private folder, and returns its path.
func (m Material) WriteTo(folder string) (file string, err error) {
	var content []byte
	switch m.Protocol {
	case pamv1alpha1.ProtocolRDP:
		file, content = filepath.Join(folder, "session.rdp"), m.RDP
	case pamv1alpha1.ProtocolSSH:
		file, content = filepath.Join(folder, "ssh_config"), m.config
	}
	if len(content) == 0 {
		return "", errors.New(m.Describe())
	}
	return file, os.WriteFile(file, content, 0o600)
}
