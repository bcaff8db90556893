// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/textfile"
)

var (
	secretKind    = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
	configMapKind = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
)

// source is a Secret or ConfigMap that a connection reads.
type source struct {
	kind schema.GroupVersionKind
	name types.NamespacedName
	// reader is the kind of connection that a Secret must be marked for; see Unmarked. It is empty for a CA bundle, which
	// is not secret and is never sent anywhere.
	reader string
}

// These are the kinds that Secrets are marked for.
const (
	spsReader = "SPSConnection"
	npsReader = "NPSConnection"
)

// spsSources are the objects that determine how a connection logs in.
func spsSources(c *pamv1alpha1.SPSConnection) []source {
	return append(tlsSources(c.Spec.TLS, c.Namespace), spsSecret(c, c.Spec.CredentialsSecretRef))
}

func npsSources(c *pamv1alpha1.NPSConnection) []source {
	out := tlsSources(c.Spec.TLS, c.Namespace)
	if u := c.Spec.Auth.User; u != nil {
		out = append(out, npsSecret(c, u.CredentialsSecretRef))
	}
	if a := c.Spec.Auth.ApplicationUser; a != nil {
		out = append(out, npsSecret(c, a.CredentialsSecretRef), npsSecret(c, a.CertificateSecretRef))
	}
	return out
}

func spsSecret(c *pamv1alpha1.SPSConnection, ref pamv1alpha1.SecretReference) source {
	return source{secretKind, types.NamespacedName{Namespace: c.Namespace, Name: ref.Name}, spsReader}
}

func npsSecret(c *pamv1alpha1.NPSConnection, ref pamv1alpha1.SecretReference) source {
	return source{secretKind, types.NamespacedName{Namespace: c.Namespace, Name: ref.Name}, npsReader}
}

func tlsSources(t *pamv1alpha1.TLSSettings, namespace string) []source {
	if t == nil || t.CABundleRef == nil {
		return nil
	}
	kind := configMapKind
	if t.CABundleRef.Kind == pamv1alpha1.CABundleSecret {
		kind = secretKind
	}
	return []source{{kind: kind, name: types.NamespacedName{Namespace: namespace, Name: t.CABundleRef.Name}}}
}

// SecretNames returns the Secrets that a connection refers to, for an index.
func SecretNames(obj client.Object) []string { return namesOf(obj, secretKind) }

// ConfigMapNames returns the ConfigMaps that a connection refers to, for an index.
func ConfigMapNames(obj client.Object) []string { return namesOf(obj, configMapKind) }

func namesOf(obj client.Object, kind schema.GroupVersionKind) []string {
	var sources []source
	switch c := obj.(type) {
	case *pamv1alpha1.SPSConnection:
		sources = spsSources(c)
	case *pamv1alpha1.NPSConnection:
		sources = npsSources(c)
	}
	var out []string
	for _, s := range sources {
		if s.kind == kind {
			out = append(out, s.name.Name)
		}
	}
	return out
}

// Versions knows the version of each object of one kind.
type Versions interface {
	// Version changes when the object does; exists is false if there is none.
	Version(ctx context.Context, name types.NamespacedName) (version uint64, exists bool, err error)
}

// contents reads Secrets and ConfigMaps: their content from the API server, and only if their version has changed.
type contents struct {
	secrets, configMaps Versions
	live                client.Reader
}

// version identifies the present content of an object without reading it.
func (c contents) version(ctx context.Context, s source) (uint64, error) {
	versions := c.secrets
	if s.kind == configMapKind {
		versions = c.configMaps
	}
	version, exists, err := versions.Version(ctx, s.name)
	if err == nil && !exists {
		err = notReady("%s %s does not exist", s.kind.Kind, s.name)
	}
	return version, err
}

// data reads an object's content, unless it is a Secret that is not marked for its reader.
func (c contents) data(ctx context.Context, s source) (map[string][]byte, error) {
	var err error
	secret, configMap := &corev1.Secret{}, &corev1.ConfigMap{}
	if s.kind == secretKind {
		err = c.live.Get(ctx, s.name, secret)
	} else {
		err = c.live.Get(ctx, s.name, configMap)
	}
	if apierrors.IsNotFound(err) {
		return nil, notReady("%s %s does not exist", s.kind.Kind, s.name)
	}
	if err != nil {
		return nil, err
	}
	if s.kind == secretKind {
		if refusal := Unmarked(secret, s.reader); s.reader != "" && refusal != "" {
			return nil, notReady("%s", refusal)
		}
		return secret.Data, nil
	}
	data := map[string][]byte{}
	for k, v := range configMap.Data {
		data[k] = []byte(v)
	}
	for k, v := range configMap.BinaryData {
		data[k] = v
	}
	return data, nil
}

// value returns a required key, which must be a single non-empty line: a name, a password or a code.
func value(s source, data map[string][]byte, key string) (string, error) {
	v, err := optional(s, data, key, textfile.Line)
	if err == nil && v == "" {
		err = notReady("%s %s has no key %s, or an empty one", s.kind.Kind, s.name, key)
	}
	return v, err
}

// optional is value for a key that may be missing.
func optional(
	s source, data map[string][]byte, key string, read func(raw []byte) (string, error),
) (string, error) {
	v, err := read(data[key])
	if err != nil {
		return "", notReady("key %s of %s %s %v", key, s.kind.Kind, s.name, err)
	}
	return v, nil
}

// tlsConfig says how a server's certificate is verified. It also returns the CA bundle as text, so that a change can be
// detected.
func (c contents) tlsConfig(
	ctx context.Context, t *pamv1alpha1.TLSSettings, namespace string,
) (cfg *tls.Config, bundle string, err error) {
	cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	if t == nil {
		return cfg, "", nil
	}
	cfg.ServerName = t.ServerName
	// The spec asks for it, and the status shows it.
	cfg.InsecureSkipVerify = t.InsecureSkipVerify != nil && *t.InsecureSkipVerify
	if t.CABundleRef == nil {
		return cfg, "", nil
	}
	from := tlsSources(t, namespace)[0]
	data, err := c.data(ctx, from)
	if err != nil {
		return nil, "", err
	}
	key := t.CABundleRef.Key
	if key == "" {
		key = "ca.crt"
	}
	if bundle, err = pemOf(from, data, key); err != nil {
		return nil, "", err
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM([]byte(bundle)) {
		return nil, "", invalid("key %s of %s %s holds no PEM certificate", key, from.kind.Kind, from.name)
	}
	return cfg, bundle, nil
}
