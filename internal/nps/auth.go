// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Auth is how a client authenticates. ApplicationUser and User are the only implementations.
type Auth interface {
	// signInTLS returns the TLS configuration of the sign-in calls.
	signInTLS(cfg *tls.Config) *tls.Config
	// newSignIn checks the credentials and prepares their use.
	newSignIn(wire wireConfig, client *rest.Client, clock *serverClock) (signIn, error)
}

// signIn makes one attempt to exchange credentials for a token. A refusal is a *CredentialsError.
type signIn interface {
	token(ctx context.Context) (string, error)
}

// ApplicationUser is an application of NPS: an API key, and the TLS client certificate of Config.TLS
// (docs/vendors/nps.md 2).
type ApplicationUser struct {
	Login  string
	APIKey string
	// SerialNumber is the certificate's, as recorded in NPS; empty means the certificate's own in upper-case hex.
	SerialNumber string
}

// User is a personal or service account with a password. At most one of TOTPSecret and MFACode may be set; if neither
// is, the server must not require a second factor. Accounts behind SAML or OIDC cannot sign in
// (docs/vendors/nps.md 1.2).
type User struct {
	// Username is domain\user, user@domain, or the name of a local user.
	Username string
	Password string
	// TOTPSecret is the shared key in Base32, or an otpauth:// URI, whose digits, period and algorithm apply.
	TOTPSecret string
	// MFACode is sent unchanged.
	MFACode string
}

// String returns the application's name without the key.
func (u ApplicationUser) String() string { return "application user " + u.Login }

// GoString keeps the key out of %#v.
func (u ApplicationUser) GoString() string { return u.String() }

// String returns the user's name and nothing else.
func (u User) String() string { return "user " + u.Username }

// GoString keeps the password out of %#v.
func (u User) GoString() string { return u.String() }

// signInTLS allows the server to request the certificate after the request, as IIS does if only one application of a
// site needs it. In TLS 1.3 that takes post-handshake authentication, which Go's client lacks, so the call stays at TLS
// 1.2 unless the configuration demands more (docs/vendors/nps.md 2).
func (u ApplicationUser) signInTLS(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	cfg.Renegotiation = tls.RenegotiateOnceAsClient
	if cfg.MinVersion < tls.VersionTLS13 {
		cfg.MaxVersion = tls.VersionTLS12
	}
	return cfg
}

func (u ApplicationUser) newSignIn(wire wireConfig, client *rest.Client, clock *serverClock) (signIn, error) {
	if u.Login == "" || u.APIKey == "" {
		return nil, errors.New("application user: login and API key are needed")
	}
	if u.SerialNumber == "" {
		serial, err := certificateSerial(wire.config.TLS)
		if err != nil {
			return nil, fmt.Errorf("application user: %w", err)
		}
		u.SerialNumber = serial
	}
	hide(wire.secrets, u.APIKey)
	return &applicationSignIn{rest: client, secrets: wire.secrets, clock: clock, user: u}, nil
}

// certificateSerial returns the serial number of the first client certificate in .NET's notation: big-endian,
// upper-case hex, whole bytes.
func certificateSerial(cfg *tls.Config) (string, error) {
	if len(cfg.Certificates) == 0 || len(cfg.Certificates[0].Certificate) == 0 {
		return "", errors.New("a TLS client certificate is needed, or a serial number if it is chosen later")
	}
	leaf, err := x509.ParseCertificate(cfg.Certificates[0].Certificate[0])
	if err != nil {
		return "", fmt.Errorf("read the TLS client certificate: %w", err)
	}
	return strings.ToUpper(hex.EncodeToString(leaf.SerialNumber.Bytes())), nil
}

func (u User) signInTLS(cfg *tls.Config) *tls.Config { return cfg.Clone() }

func (u User) newSignIn(wire wireConfig, client *rest.Client, clock *serverClock) (signIn, error) {
	if u.Username == "" || u.Password == "" {
		return nil, errors.New("user: name and password are needed")
	}
	if u.TOTPSecret != "" && u.MFACode != "" {
		return nil, errors.New("user: at most one of TOTP secret and MFA code")
	}
	hide(wire.secrets, u.Password, u.TOTPSecret, u.MFACode)
	user := &userSignIn{
		rest: client, secrets: wire.secrets, clock: clock, user: u, timeout: max(wire.config.Timeout, minSecondFactor),
	}
	if u.TOTPSecret == "" {
		return user, nil
	}
	codes, err := newTOTPCodes(u.TOTPSecret, clock.now)
	if err != nil {
		return nil, fmt.Errorf("user: the TOTP secret %w", err)
	}
	codes.share(wire.config.UsedCodes, wire.config.URL)
	hide(wire.secrets, codes.secret)
	user.codes = codes
	return user, nil
}

// hide keeps credentials out of errors, even if a server quotes our JSON inside its own.
func hide(secrets *rest.Secrets, texts ...string) {
	for _, text := range texts {
		quoted, _ := json.Marshal(text) // cannot fail for a text
		secrets.Pin(text, strings.Trim(string(quoted), `"`))
	}
}
