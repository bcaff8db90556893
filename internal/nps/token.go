// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"regexp"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// renewBefore is how long before its expiry a token is renewed, as in the vendor's scripts
	// (docs/vendors/nps.md 1.4).
	renewBefore = 7 * time.Minute
	// renewWithoutExpiry is the age at which a token without an expiry is renewed.
	renewWithoutExpiry = 5 * time.Minute
)

// token is proof of a log-in. Its times are by the local clock, so that a wrong clock does no harm.
type token struct {
	raw              string
	managedAccountID string    // "" if not in the token
	expiresAt        time.Time // zero if not in the token
	renewAt          time.Time
}

var jwtShape = regexp.MustCompile(`^[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]*$`)

func looksLikeJWT(text string) bool { return jwtShape.MatchString(text) }

// newToken reads the two claims that the client uses, and works without them. The server verifies the signature.
func newToken(raw string, clock *serverClock) token {
	local := clock.local()
	t := token{raw: raw, renewAt: local.Add(renewWithoutExpiry)}
	claims := jwt.MapClaims{}
	// Claims are parsed before the signing method is checked, so an error matters only if there are none.
	_, _, _ = jwt.NewParser().ParseUnverified(raw, claims)
	if id, _ := claims["ManagedAccountId"].(string); rest.IsIdentifier(id, maxID) {
		t.managedAccountID = id
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return t
	}
	life := exp.Sub(clock.now())
	if life <= 0 { // one of the clocks is wrong and the answer had no Date: a 401 will show
		return t
	}
	t.expiresAt = local.Add(life)
	t.renewAt = t.expiresAt.Add(-min(renewBefore, life/2))
	return t
}

// usable reports whether the server should still accept the token.
func (t token) usable(local time.Time) bool {
	return t.raw != "" && (t.expiresAt.IsZero() || local.Before(t.expiresAt))
}
