// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"
)

// Certificate creates a self-signed certificate.
func Certificate(from x509.Certificate) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	from.SerialNumber, from.Subject = big.NewInt(1), pkix.Name{CommonName: "operator"}
	from.NotBefore, from.DNSNames = time.Now().Add(-24*time.Hour), []string{"server.example.com"}
	from.IsCA, from.BasicConstraintsValid = true, true
	if from.NotAfter.IsZero() {
		from.NotAfter = time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, &from, &from, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
