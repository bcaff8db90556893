// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pair is a certificate and its key, in the forms that users have them in.
type pair struct{ certificate, pkcs8, sec1, der string }

func newPair(t *testing.T) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string, content []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: name, Bytes: content}))
	}
	return pair{
		in("CERTIFICATE", certificate), in("PRIVATE KEY", pkcs8), in("EC PRIVATE KEY", sec1), string(certificate),
	}
}

func TestKeyPairsAsPeopleHaveThem(t *testing.T) {
	ours, other := newPair(t), newPair(t)
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("canary")}))
	encryptedOld := string(pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte("canary"),
	}))
	windows := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, c := range map[string]struct{ crt, key, says string }{
		"PKCS#8":           {crt: ours.certificate, key: ours.pkcs8},
		"SEC1":             {crt: ours.certificate, key: ours.sec1},
		"line ends":        {crt: windows(ours.certificate), key: windows(ours.pkcs8)},
		"text before it":   {crt: "Bag Attributes\n" + ours.certificate, key: "# key\n" + ours.pkcs8},
		"a mark":           {crt: "\xef\xbb\xbf" + ours.certificate, key: "\xef\xbb\xbf" + ours.pkcs8},
		"a chain":          {crt: ours.certificate + other.certificate, key: ours.pkcs8},
		"the issuer first": {other.certificate + ours.certificate, ours.pkcs8, "is not that of tls.key, but number 2 is"},
		"another key":      {ours.certificate, other.pkcs8, "tls.key is not the private key of the certificate"},
		"encrypted":        {ours.certificate, encrypted, "tls.key is encrypted"},
		"encrypted, old":   {ours.certificate, encryptedOld, "tls.key is encrypted"},
		"DER":              {ours.der, ours.pkcs8, "key tls.crt of Secret team/pair is DER or PKCS#12"},
		"no key":           {ours.certificate, ours.certificate, "tls.key holds no private key"},
		"no certificate":   {ours.pkcs8, ours.pkcs8, "tls.crt holds no PEM certificate"},
		"Latin-1":          {"\xa3" + ours.certificate, ours.pkcs8, "key tls.crt of Secret team/pair is not text in UTF-8"},
		"nothing":          {"", ours.pkcs8, "has no key tls.crt"},
		"half of one": {
			string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("0")})), ours.pkcs8, "cannot be read",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keyPair(source{secretKind, types.NamespacedName{Namespace: "team", Name: "pair"}, ""},
				map[string][]byte{corev1.TLSCertKey: []byte(c.crt), corev1.TLSPrivateKeyKey: []byte(c.key)})
			if c.says == "" && (err != nil || len(got.Certificate) == 0) {
				t.Error(err)
			}
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Error("the error quotes the key")
			}
		})
	}
}

func TestBundlesAsPeopleHaveThem(t *testing.T) {
	one, two := newPair(t), newPair(t)
	from := source{kind: configMapKind, name: types.NamespacedName{Namespace: "team", Name: "ca"}}
	for name, c := range map[string]struct {
		raw, says string
		want      int
	}{
		"a mark before the first of two": {raw: "\xef\xbb\xbf" + one.certificate + two.certificate, want: 2},
		"UTF-16":                         {raw: utf16Of(one.certificate), want: 1},
		"DER":                            {raw: one.der, says: "key ca.crt of ConfigMap team/ca is DER or PKCS#12"},
	} {
		t.Run(name, func(t *testing.T) {
			bundle, err := pemOf(from, map[string][]byte{"ca.crt": []byte(c.raw)}, "ca.crt")
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Error(err)
				}
				return
			}
			if got := len(certificatesIn([]byte(bundle))); err != nil || got != c.want {
				t.Errorf("%d certificates, %v", got, err)
			}
		})
	}
	if _, err := tls.X509KeyPair([]byte(one.certificate), []byte(one.pkcs8)); err != nil {
		t.Error(err) // else the tests above prove nothing
	}
}

// utf16Of is a text as an editor on Windows may save it.
func utf16Of(ascii string) string {
	out := []byte{0xff, 0xfe}
	for _, b := range []byte(ascii) {
		out = append(out, b, 0)
	}
	return string(out)
}
