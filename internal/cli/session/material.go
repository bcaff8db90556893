// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/sshconfig"
)

// Keys of a session's Secret.
const (
	keyProtocol  = "protocol"
	keyHost      = "host"
	keyPort      = "port"
	keyRDP       = "rdp"
	keySSHURL    = "ssh-url"
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
}

// SecretRight is the right to read the Secret of a session.
func SecretRight(s *pamv1alpha1.ActivitySession) cluster.Right {
	return cluster.Right{Verb: "get", Resource: "secrets", Namespace: s.Namespace, Name: s.SecretName()}
}

const (
	// patience is how long the operator may take to write a Secret again that somebody else has changed.
	patience       = 15 * time.Second
	lookAgainAfter = time.Second
)

// errForeign says that somebody else has written into the Secret of a session.
var errForeign = errors.New("somebody else has written into the Secret of the session; it is not used, and the " +
	"operator writes it again")

// Fetch reads the Secret of an active session, which is the only one that the plugin ever reads. It must be the
// session's own, and what the operator has written. A Secret that differs is looked at again for a while, with the
// session as get has it then: the operator may be just writing it.
func Fetch(
	ctx context.Context, f *frame.Frame, c *cluster.Client, s *pamv1alpha1.ActivitySession,
	get func(context.Context) (*pamv1alpha1.ActivitySession, error),
) (Material, error) {
	for began, looks := time.Now(), 1; ; looks++ {
		m, err := read(ctx, c, s)
		if !errors.Is(err, errForeign) || time.Since(began) > patience {
			return m, err
		}
		if looks == 2 {
			f.Note(printer.MarkUnknown, "%v", err)
		}
		select {
		case <-ctx.Done():
			return m, context.Cause(ctx)
		case <-time.After(lookAgainAfter):
		}
		if s, err = get(ctx); err != nil {
			return m, err
		}
	}
}

func read(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) (Material, error) {
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
	if digest := s.Status.ConnectionSecretDigest; digest != "" && digest != pamv1alpha1.ConnectionSecretDigest(secret) {
		return Material{}, errForeign
	}
	m := Material{
		Protocol: pamv1alpha1.Protocol(secret.Data[keyProtocol]),
		Host:     string(secret.Data[keyHost]), Port: string(secret.Data[keyPort]),
		Username: string(secret.Data[keyUsername]), Password: secret.Data[keyPassword],
		RDP: secret.Data[keyRDP], URL: secret.Data[keySSHURL],
	}
	return m, m.check()
}

// check refuses what a program could take for something else than a host, a port and a user.
func (m Material) check() error {
	for what, value := range map[string]string{keyHost: m.Host, keyPort: m.Port, keyUsername: m.Username} {
		if strings.HasPrefix(value, "-") || strings.ContainsFunc(value, unicode.IsControl) {
			return fmt.Errorf("the %s of the session is not used: it begins with - or has control characters", what)
		}
	}
	return nil
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

// PrivateFolder makes a folder that nobody else can read, in memory if the system has such a place for the user. After
// su and sudo, XDG_RUNTIME_DIR may be that of somebody else.
func PrivateFolder(getenv func(string) string) (string, error) {
	const pattern = "kubectl-pam-"
	if parent := getenv("XDG_RUNTIME_DIR"); parent != "" {
		if folder, err := os.MkdirTemp(parent, pattern); err == nil {
			return folder, nil
		}
	}
	folder, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", fmt.Errorf("there is no folder for the connection data: %w; set %s to one that can be written", err,
			temporary())
	}
	return folder, nil
}

// temporary is the variable that says where temporary files are.
func temporary() string {
	if runtime.GOOS == "windows" {
		return "TMP"
	}
	return "TMPDIR"
}

// WriteTo writes the file for the client of the protocol into a private folder, and returns its path. Nothing in it is
// taken from the Secret as it is but the RDP file. separate is a user name that the file cannot hold.
func (m Material) WriteTo(folder string) (file, separate string, err error) {
	switch {
	case m.Protocol == pamv1alpha1.ProtocolRDP && len(m.RDP) > 0:
		file = filepath.Join(folder, "session.rdp")
		return file, "", os.WriteFile(file, m.RDP, 0o600)
	case m.Protocol == pamv1alpha1.ProtocolSSH:
		target := sshconfig.Target{Alias: sshAlias, Host: m.Host, Port: m.Port, User: m.Username}
		if !sshconfig.Literal(target.User) {
			separate, target.User = target.User, ""
		}
		text, err := target.Text()
		if err != nil {
			return "", "", err
		}
		file = filepath.Join(folder, "ssh_config")
		return file, separate, os.WriteFile(file, []byte(text), 0o600)
	}
	return "", "", errors.New(m.Describe())
}
