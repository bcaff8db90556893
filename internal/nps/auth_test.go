// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

// clientCertificate makes a self-signed certificate with the serial number.
func clientCertificate(t *testing.T, serial *big.Int) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestNewChecksTheConfiguration(t *testing.T) {
	const url, uri = "https://nps.example.com:6500", "otpauth://totp/a?secret=MFRGG"
	user := User{Username: "u", Password: testPassword}
	withSecret := func(secret string) User {
		u := user
		u.TOTPSecret = secret
		return u
	}
	tests := map[string]struct {
		cfg  Config
		want string // part of the error, "" for none
	}{
		"a user":                      {Config{URL: url, Auth: user}, ""},
		"an application":              {Config{URL: url, Auth: appUser()}, ""},
		"no auth":                     {Config{URL: url}, "auth is missing"},
		"a url without encryption":    {Config{URL: "http://h", Auth: user}, "https"},
		"a user without a password":   {Config{URL: url, Auth: User{Username: "u"}}, "password"},
		"an application without key":  {Config{URL: url, Auth: ApplicationUser{Login: "a"}}, "API key"},
		"no certificate, no serial":   {Config{URL: url, Auth: ApplicationUser{Login: "a", APIKey: "k"}}, "certificate"},
		"a secret that is not Base32": {Config{URL: url, Auth: withSecret("canary1890")}, "Base32"},
		"a secret that is blank":      {Config{URL: url, Auth: withSecret(" ")}, "Base32"},
		"a URI of another kind":       {Config{URL: url, Auth: withSecret("otpauth://hotp/a?secret=MFRGG")}, "otpauth"},
		"a URI that cannot be read":   {Config{URL: url, Auth: withSecret("otpauth://totp/%zz?secret=canary")}, "otpauth"},
		"too many digits":             {Config{URL: url, Auth: withSecret(uri + "&digits=9")}, "digits"},
		"a period that is too short":  {Config{URL: url, Auth: withSecret(uri + "&period=3")}, "period"},
		"an unknown algorithm":        {Config{URL: url, Auth: withSecret(uri + "&algorithm=x")}, "algorithm"},
		"two second factors": {
			Config{URL: url, Auth: User{Username: "u", Password: "p", TOTPSecret: "MFRGG", MFACode: "1"}}, "at most one",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := New(tt.cfg)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				client.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestCertificateSerial(t *testing.T) {
	tests := map[string]struct {
		serial *big.Int
		want   string
	}{
		"an odd number of digits gets its zero": {big.NewInt(0xabc), "0ABC"},
		"a high bit gets no sign byte":          {big.NewInt(0xff00), "FF00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := &tls.Config{Certificates: []tls.Certificate{clientCertificate(t, tt.serial)}, MinVersion: tls.VersionTLS12}
			got, err := certificateSerial(cfg)
			if err != nil || got != tt.want {
				t.Errorf("got %q and %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestSignInTLS(t *testing.T) {
	given := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "nps"}
	got := ApplicationUser{}.signInTLS(given)
	if got.Renegotiation != tls.RenegotiateOnceAsClient || got.MaxVersion != tls.VersionTLS12 || got.ServerName != "nps" {
		t.Errorf("the certificate cannot be asked for later: %d, %x", got.Renegotiation, got.MaxVersion)
	}
	strict := ApplicationUser{}.signInTLS(&tls.Config{MinVersion: tls.VersionTLS13})
	if strict.MaxVersion != 0 {
		t.Errorf("TLS 1.3 was demanded, yet at most %x", strict.MaxVersion)
	}
	if given.Renegotiation != tls.RenegotiateNever || (User{}).signInTLS(given).MaxVersion != 0 {
		t.Error("other calls are touched")
	}
}

func TestCredentialsAreNotShown(t *testing.T) {
	cfg := Config{Auth: User{Username: "u", Password: testPassword, TOTPSecret: testSeed, MFACode: testPassword}}
	for _, auth := range []Auth{cfg.Auth, ApplicationUser{Login: "a", APIKey: testAPIKey}} {
		cfg.Auth = auth
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			text := fmt.Sprintf(verb+verb, auth, cfg)
			for _, secret := range []string{testPassword, testSeed, testAPIKey, fmt.Sprintf("%q", testAPIKey)} {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T shows a secret", verb, auth)
				}
			}
		}
	}
}
