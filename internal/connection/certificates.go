// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"iter"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/pam-operator/pam-operator/internal/textfile"
)

// pemOf returns a required key of a Secret or ConfigMap, which must be PEM.
func pemOf(s source, data map[string][]byte, key string) (string, error) {
	raw := data[key]
	text, err := textfile.Text(raw)
	switch {
	case len(raw) == 0:
		return "", notReady("%s %s has no key %s, or an empty one", s.kind.Kind, s.name, key)
	case raw[0] == asn1Sequence:
		return "", invalid("key %s of %s %s is DER or PKCS#12 and not PEM: convert it with openssl", key, s.kind.Kind, s.name)
	case err != nil:
		return "", invalid("key %s of %s %s %v", key, s.kind.Kind, s.name, err)
	}
	return text, nil
}

// asn1Sequence is the first byte of every DER file that could be stored here.
const asn1Sequence = 0x30

// keyPair reads a client certificate and its private key from a Secret of type kubernetes.io/tls. Its errors quote
// neither, unlike those of the parser.
func keyPair(s source, data map[string][]byte) (tls.Certificate, error) {
	certificate, err := pemOf(s, data, corev1.TLSCertKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := pemOf(s, data, corev1.TLSPrivateKeyKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return tls.Certificate{}, invalid("Secret %s: %s", s.name, whyNoPair([]byte(certificate), []byte(key)))
	}
	return pair, nil
}

// whyNoPair says why a certificate and a private key are not a pair.
func whyNoPair(certificate, key []byte) string {
	certificates := certificatesIn(certificate)
	switch {
	case len(certificates) == 0:
		return "tls.crt holds no PEM certificate"
	case isEncrypted(key):
		return "tls.key is encrypted: store it without a passphrase, as openssl pkey does"
	case !hasPrivateKey(key):
		return "tls.key holds no private key in PEM"
	}
	for i, c := range certificates[1:] {
		reordered := pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: c})
		if _, err := tls.X509KeyPair(reordered, key); err == nil {
			return "the first certificate in tls.crt is not that of tls.key, but number " + strconv.Itoa(i+2) +
				" is: put it first, followed by the certificates of its issuers"
		}
	}
	if _, err := x509.ParseCertificate(certificates[0]); err != nil {
		return "the first certificate in tls.crt cannot be read"
	}
	return "tls.key is not the private key of the certificate in tls.crt, or its type is not supported"
}

const certificateBlock = "CERTIFICATE"

func certificatesIn(text []byte) (out [][]byte) {
	for block := range blocksOf(text) {
		if block.Type == certificateBlock {
			out = append(out, block.Bytes)
		}
	}
	return out
}

// isEncrypted recognises both forms: PKCS#8, and the older one (RFC 1421).
func isEncrypted(key []byte) bool {
	for block := range blocksOf(key) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}

func hasPrivateKey(key []byte) bool {
	for block := range blocksOf(key) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return true
		}
	}
	return false
}

func blocksOf(text []byte) iter.Seq[*pem.Block] {
	return func(yield func(*pem.Block) bool) {
		for {
			block, rest := pem.Decode(text)
			if block == nil || !yield(block) {
				return
			}
			text = rest
		}
	}
}
