// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// minCodeLife is how long a code must still be valid when it is sent; the rest is for the way and for the clocks.
const minCodeLife = 3 * time.Second

// totpCodes makes the codes of a second factor (RFC 6238) and never the same one twice, because a server that remembers
// codes refuses the second use (nps contract 13 Q2). It is for one sign-in at a time.
type totpCodes struct {
	secret string // Base32, upper case, no padding
	opts   totp.ValidateOpts
	now    func() time.Time // the server's clock
	used   int64            // the last step whose code was given away
}

// newTOTPCodes reads a shared key in Base32 or an otpauth:// URI. Errors never quote it.
func newTOTPCodes(secret string, now func() time.Time) (*totpCodes, error) {
	codes := &totpCodes{
		secret: secret, now: now,
		opts: totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1},
	}
	if strings.Contains(secret, "://") {
		if err := codes.readURI(secret); err != nil {
			return nil, fmt.Errorf("otpauth uri: %w", err)
		}
	}
	codes.secret = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "-", "", "=", "").Replace(codes.secret)
	codes.secret = strings.ToUpper(codes.secret)
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(codes.secret)
	if err != nil || len(key) == 0 {
		return nil, errors.New("the TOTP secret is not Base32")
	}
	return codes, nil
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
			return errors.New("algorithm is none of SHA1, SHA256 and SHA512")
		}
		c.opts.Algorithm = algorithm
	}
	return nil
}

var totpAlgorithms = map[string]otp.Algorithm{
	"SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512,
}

// next returns a code that was not used before and is valid for a while yet. It may wait for the next step to begin,
// as long as the context lives.
func (c *totpCodes) next(ctx context.Context) (string, error) {
	for {
		now := c.now()
		step, wait := c.step(now)
		if wait == 0 {
			c.used = step
			return totp.GenerateCodeCustom(c.secret, now, c.opts)
		}
		if err := sleep(ctx, wait); err != nil {
			return "", fmt.Errorf("wait for the next TOTP code: %w", err)
		}
	}
}

// step returns the step of a moment and how long to wait before its code, or the next one, may be used.
func (c *totpCodes) step(now time.Time) (step int64, wait time.Duration) {
	period := int64(c.opts.Period) //nolint:gosec // 16 bits at most
	step = now.Unix() / period
	// A clock that was put back far gives steps that are not the used one; waiting until it has caught up is no use.
	justUsed := step == c.used || step == c.used-1
	if left := time.Unix((step+1)*period, 0).Sub(now); justUsed || left < minCodeLife {
		return step, left
	}
	return step, 0
}
