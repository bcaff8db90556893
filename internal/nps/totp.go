// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// minCodeLife is how long a code must still be valid when it is sent, to allow for latency and clock differences.
const minCodeLife = 3 * time.Second

// UsedCodes remembers which second-factor codes were sent, because servers may refuse to accept one twice
// (docs/vendors/nps.md 13 Q2). It outlives a client that is replaced. The zero value is empty; it is safe for
// concurrent use.
type UsedCodes struct {
	mu sync.Mutex
	// last maps checksums of a server's secrets to the latest step whose code was used.
	last map[[sha256.Size]byte]usedCode
}

// usedCode is a step whose code was used, and when.
type usedCode struct {
	step int64
	at   time.Time
}

// rememberCode is how long a code is remembered: longer than any server accepts it.
const rememberCode = 24 * time.Hour

// use reports whether the code of a step is unused, and marks it used. now is a clock that does not jump with the
// server's.
func (u *UsedCodes) use(secret [sha256.Size]byte, step int64, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.last, func(_ [sha256.Size]byte, used usedCode) bool { return now.Sub(used.at) > rememberCode })
	// If the clock was set back far, the steps differ from the used one, and there is no point in waiting until it has
	// caught up.
	if last, ok := u.last[secret]; ok && (step == last.step || step == last.step-1) {
		return false
	}
	if u.last == nil {
		u.last = map[[sha256.Size]byte]usedCode{}
	}
	u.last[secret] = usedCode{step: step, at: now}
	return true
}

// totpCodes generates the codes of a second factor (RFC 6238), never the same one twice.
type totpCodes struct {
	secret string // Base32, upper case, no padding
	opts   totp.ValidateOpts
	now    func() time.Time // the server's clock
	used   *UsedCodes
	key    [sha256.Size]byte // in used
}

// CheckTOTPSecret reports what is wrong with a shared key, without quoting it.
func CheckTOTPSecret(secret string) error {
	_, err := newTOTPCodes(secret, time.Now)
	return err
}

// newTOTPCodes parses a shared key in Base32 or an otpauth:// URI. Errors never quote it.
func newTOTPCodes(secret string, now func() time.Time) (*totpCodes, error) {
	codes := &totpCodes{
		secret: secret, now: now, used: &UsedCodes{},
		opts: totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1},
	}
	if strings.Contains(secret, "://") {
		if err := codes.readURI(secret); err != nil {
			return nil, fmt.Errorf("is an otpauth:// URI that cannot be used: %w", err)
		}
	}
	codes.secret = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "-", "", "=", "").Replace(codes.secret)
	codes.secret = strings.ToUpper(codes.secret)
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(codes.secret)
	if err != nil || len(key) == 0 {
		return nil, errors.New("is neither Base32 nor an otpauth:// URI: copy the key that NPS shows when the factor " +
			"is set up")
	}
	return codes, nil
}

// share makes the codes for this server be recorded together with those that other clients send there.
func (c *totpCodes) share(used *UsedCodes, server string) {
	c.used, c.key = used, sha256.Sum256([]byte(strings.ToLower(server)+" "+c.secret))
}

func (c *totpCodes) readURI(raw string) error {
	uri, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || uri.Scheme != "otpauth" || !strings.EqualFold(uri.Host, "totp") {
		return errors.New("want otpauth://totp/ and a label")
	}
	query := uri.Query()
	c.secret = query.Get("secret")
	if text := query.Get("digits"); text != "" {
		digits, err := strconv.Atoi(text)
		if err != nil || digits < 6 || digits > 8 {
			return errors.New("digits is not a number from 6 to 8")
		}
		c.opts.Digits = otp.Digits(digits)
	}
	if text := query.Get("period"); text != "" {
		period, err := strconv.ParseUint(text, 10, 16)
		if err != nil || time.Duration(period)*time.Second <= minCodeLife {
			return errors.New("period is not a number of seconds above 3")
		}
		c.opts.Period = uint(period)
	}
	if text := query.Get("algorithm"); text != "" {
		algorithm, ok := totpAlgorithms[strings.TrimPrefix(strings.ToUpper(text), "HMAC")]
		if !ok {
			return errors.New("algorithm is not SHA1, SHA256 or SHA512")
		}
		c.opts.Algorithm = algorithm
	}
	return nil
}

var totpAlgorithms = map[string]otp.Algorithm{
	"SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512,
}

// next returns a code that has not been used and stays valid for a while. It may wait for the next step to begin, as
// long as the context lives.
func (c *totpCodes) next(ctx context.Context) (string, error) {
	for {
		now := c.now()
		step, left := c.step(now)
		if left >= minCodeLife && c.used.use(c.key, step, time.Now()) {
			return totp.GenerateCodeCustom(c.secret, now, c.opts)
		}
		if err := rest.Sleep(ctx, left); err != nil {
			return "", fmt.Errorf("wait for the next TOTP code: %w", err)
		}
	}
}

// step returns the step of a time, and how long it is until the next one.
func (c *totpCodes) step(now time.Time) (step int64, left time.Duration) {
	period := int64(c.opts.Period) //nolint:gosec // 16 bits at most
	step = now.Unix() / period
	return step, time.Unix((step+1)*period, 0).Sub(now)
}
