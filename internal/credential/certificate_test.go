// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

func TestCertificatesAreCheckedBeforeTheyAreSent(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	end := begin.Add(24 * time.Hour)
	pair := tls.Certificate{Leaf: &x509.Certificate{NotBefore: begin, NotAfter: end}}
	certificate := NewCertificate("n/s", pair)
	tests := map[string]struct {
		certificate Certificate
		now         time.Time
		want        string
	}{
		"no certificate at all":    {Certificate{}, end.Add(time.Hour), ""},
		"in its first moment":      {certificate, begin, ""},
		"in its last moment":       {certificate, end, ""},
		"one second after its end": {certificate, end.Add(time.Second), "Secret n/s expired at 2026-01-03T03:04:05Z"},
		"before it begins":         {certificate, begin.Add(-1), "Secret n/s is not valid before 2026-01-02T03:04:05Z"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.certificate.Check(tt.now)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if IsExpired(err) != (tt.want != "") {
				t.Errorf("%v: not recognised", err)
			}
		})
	}
}
