// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/credential"
	"github.com/pam-operator/pam-operator/internal/login"
)

// specDigest is how many hex digits distinguish the specs of one connection.
const specDigest = 16

// newLogIns continues with what the connection's status recorded about these same credentials, and shares what other
// connections learn about them.
func (p *Pool) newLogIns(
	terms login.Terms, namespace, url, user, version string, recorded *pamv1alpha1.LogInStatus, credentials []string,
) *credential.LogIns {
	account := p.logIns.Account(terms, url, user, credential.Recorded(recorded, version))
	account.Credentials(credentials...)
	if recorded != nil && recorded.CredentialsVersion != version { // as after a change of the Secret
		if recorded.LastSuccessTime != nil && specOf(recorded.CredentialsVersion) == specOf(version) {
			account.WorkedBefore(namespace)
		}
		account.Clear()
	}
	return credential.NewLogIns(account, version)
}

// specOf is the part of a version that says where and how a connection logs in.
func specOf(version string) string {
	spec, _, _ := strings.Cut(version, " ")
	return spec
}

// credentialsVersion identifies what a connection logs in with, across restarts: its Secrets, and the part of its spec
// that says where and how. It is in the status, so it contains nothing secret.
func (p *Pool) credentialsVersion(ctx context.Context, sources []source, spec ...any) (string, error) {
	how, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	versions := []string{digest(string(how))[:specDigest]}
	for _, s := range sources {
		if s.kind != secretKind {
			continue
		}
		m := &metav1.PartialObjectMetadata{}
		m.SetGroupVersionKind(s.kind)
		if err := p.cfg.Live.Get(ctx, s.name, m); err != nil {
			return "", err
		}
		versions = append(versions, string(m.UID)+"/"+m.ResourceVersion)
	}
	return strings.Join(versions, " "), nil
}
