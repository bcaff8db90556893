// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 codes are HMAC-SHA1 (docs/vendors/nps.md 1.3)
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

const (
	totpPeriod = 30 // seconds
	totpWindow = 1  // steps by which server and client may differ (docs/vendors/nps.md 13, Q2)
)

// totpStep is the number of the code that is current at a given time.
func totpStep(t time.Time) int64 { return t.Unix() / totpPeriod }

// totpCode is the six-digit code of a step (RFC 4226, RFC 6238).
func totpCode(secret []byte, step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step)) //nolint:gosec // steps since 1970 are not negative
	mac := hmac.New(sha1.New, secret)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}

// totpMatch returns the step of the given code, if it is within the window around now.
func totpMatch(secret []byte, code string, now time.Time) (int64, bool) {
	for step := totpStep(now) - totpWindow; step <= totpStep(now)+totpWindow; step++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, step)), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// decodeBase32 reads a secret as users type it: any case, with blanks, with or without padding.
func decodeBase32(secret string) ([]byte, error) {
	secret = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '2' && r <= '7' {
			return r
		}
		return -1
	}, strings.ToUpper(secret))
	return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
}
