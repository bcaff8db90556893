// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"regexp"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// renewBefore is how long before its end a token is renewed, as the vendor's scripts do (nps contract 1.4).
	renewBefore = 7 * time.Minute
	// renewBlind is the age at which a token is renewed that does not tell its end.
	renewBlind = 5 * time.Minute
)

// token is proof of a log-in. Its times are of the local clock, so that a clock that is wrong does no harm.
type token struct {
	raw              string
	managedAccountID string    // "" if the token does not tell
	expiresAt        time.Time // zero if the token does not tell
	renewAt          time.Time
}

var jwtShape = regexp.MustCompile(`^[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]*$`)

func looksLikeJWT(text string) bool { return jwtShape.MatchString(text) }

// newToken reads the two claims that the client can use, and works without them. The signature is the server's affair.
func newToken(raw string, clock *serverClock) token {
	local := clock.local()
	t := token{raw: raw, renewAt: local.Add(renewBlind)}
	claims := jwt.MapClaims{}
	// Claims are read before the signing method is looked at, so an error matters only if there are none.
	_, _, _ = jwt.NewParser().ParseUnverified(raw, claims)
	if id, _ := claims["ManagedAccountId"].(string); rest.IsIdentifier(id, maxID) {
		t.managedAccountID = id
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return t
	}
	life := exp.Sub(clock.now())
	if life <= 0 { // one of the clocks is wrong and the answer had no Date: a 401 will tell
		return t
	}
	t.expiresAt = local.Add(life)
	t.renewAt = t.expiresAt.Add(-min(renewBefore, life/2))
	return t
}

// usable says that the server should still accept the token.
func (t token) usable(local time.Time) bool {
	return t.raw != "" && (t.expiresAt.IsZero() || local.Before(t.expiresAt))
}
