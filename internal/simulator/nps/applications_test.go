// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
)

const appTokenPath = "/WebAppApi/api/v1/AppUserToken"

func TestApplicationToken(t *testing.T) {
	tests := map[string]struct {
		registered, presented, named, login, key string
		want                                     int
	}{
		"any certificate if none is registered":   {"", "0A1B", "0A1B", "k8s", DefaultAPIKey, 200},
		"the registered one, written differently": {"00:0a:1b", "A1B", "0a1b", "K8S", DefaultAPIKey, 200},
		"the registered number with another cert": {"0A1B", "0A1C", "0A1B", "k8s", DefaultAPIKey, 403},
		"no number in the request":                {"", "0A1B", "", "k8s", DefaultAPIKey, 403},
		"a user is no application":                {"", "0A1B", "0A1B", DefaultUser, DefaultPassword, 401},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			l.must(l.SetApplicationSerial("k8s", tc.registered))
			r := l.request(post, appTokenPath, "",
				map[string]string{"login": tc.login, "password": tc.key, "certificateSerialNumber": tc.named})
			if n, ok := new(big.Int).SetString(tc.presented, 16); ok {
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{SerialNumber: n}}}
			}
			got := l.send(r).want(tc.want)
			if tc.want == 200 {
				l.get("/api/v1/Version", got.str()).want(200)
			}
		})
	}
}
