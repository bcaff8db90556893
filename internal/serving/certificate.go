// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/tls"
	"path/filepath"

	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Certificate returns a TLS configuration with the certificate of a folder, and what reloads it when it changes.
// Without a folder it creates a certificate, which nobody can verify, and nothing reloads it.
func Certificate(dir string, http2 bool) (*tls.Config, *certwatcher.CertWatcher, error) {
	config := &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	if http2 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	if dir != "" {
		watcher, err := certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
		if err != nil {
			return nil, nil, err
		}
		config.GetCertificate = watcher.GetCertificate
		return config, watcher, nil
	}
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		return nil, nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	config.Certificates = []tls.Certificate{pair}
	return config, nil, err
}
