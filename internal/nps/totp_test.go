// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"encoding/base32"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestTOTPCodes checks against the vectors of RFC 6238, appendix B, and one whose key begins with zero bytes.
func TestTOTPCodes(t *testing.T) {
	base32Of := func(key string) string { return base32.StdEncoding.EncodeToString([]byte(key)) }
	const seed = "12345678901234567890"
	tests := map[string]struct {
		secret string
		at     int64
		want   string
	}{
		"six digits of SHA-1": {base32Of(seed), 1111111109, "081804"},
		"eight digits of SHA-1": {
			"otpauth://totp/NPS:svc?digits=8&secret=" + base32Of(seed), 1111111109, "07081804",
		},
		"SHA-256": {
			"otpauth://totp/x?digits=8&algorithm=SHA256&secret=" + base32Of(seed+"123456789012"), 59, "46119246",
		},
		"SHA-512 under its other name": {
			"otpauth://TOTP/x?digits=8&algorithm=HmacSHA512&secret=" +
				base32Of(seed+seed+seed+"1234"), 59, "90693936",
		},
		"a period of a minute": {"otpauth://totp/x?period=60&secret=" + base32Of(seed), 119, "287082"},
		"lower case, blanks and hyphens": {
			" gezd gnbv-gy3t qojq gezd gnbv gy3t qojq ", 1111111109, "081804",
		},
		// Computed by another program; the key is seven zero bytes and a 1. A decoder that converts it to a number
		// loses the zeros.
		"zero bytes at the beginning of the key": {"AAAAAAAAAAAAC===", 59, "515733"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			codes, err := newTOTPCodes(tt.secret, func() time.Time { return time.Unix(tt.at, 0).Add(-5 * time.Second) })
			if err != nil {
				t.Fatal(err)
			}
			got, err := codes.next(t.Context())
			if err != nil || got != tt.want {
				t.Errorf("got %q and %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestTOTPCodesWaitForTheNextStep(t *testing.T) {
	tests := map[string]struct {
		into  time.Duration // how far into its step the first code is requested
		waits []time.Duration
	}{
		"a young code is used at once, the next one in its turn": {5 * time.Second, []time.Duration{0, 25 * time.Second}},
		"three seconds are enough":                               {27 * time.Second, []time.Duration{0, 3 * time.Second}},
		"a code that is about to end is left out": {
			27*time.Second + time.Millisecond, []time.Duration{3*time.Second - time.Millisecond, 30 * time.Second},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				codes, err := newTOTPCodes(testSeed, time.Now)
				if err != nil {
					t.Fatal(err)
				}
				pass(t, tt.into) // from a full minute
				seen := map[string]bool{}
				for _, want := range tt.waits {
					begin := time.Now()
					code, err := codes.next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if waited := time.Since(begin); waited != want {
						t.Errorf("waited %s, want %s", waited, want)
					}
					if seen[code] {
						t.Error("a code was given away twice")
					}
					seen[code] = true
				}
			})
		})
	}
}

func TestTOTPCodesStopWaitingWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codes, err := newTOTPCodes(testSeed, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := codes.next(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := codes.next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// A clock that is set back by hours must not block sign-ins for hours.
func TestTOTPCodesSurviveAClockThatIsPutBack(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	codes, err := newTOTPCodes(testSeed, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	atOnce, cancel := context.WithCancel(t.Context())
	cancel() // a waiting caller gets an error
	for _, shift := range []time.Duration{0, -3 * time.Hour} {
		now = now.Add(shift)
		if _, err := codes.next(atOnce); err != nil {
			t.Errorf("waits after a shift of %s: %v", shift, err)
		}
	}
}
