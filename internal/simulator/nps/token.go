// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

// signingKey stands for the server's JWT signing certificate. One per process is enough: a server accepts only the
// tokens it has issued.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// stage is how far a log-in has progressed.
type stage int

const (
	stagePassword stage = iota // the token of the first stage, only for signin2fa
	stageFull                  // passes the policy MfaRequired
	stageNoRole                // an application that signed in as a user (docs/vendors/nps.md 2)
)

// ticket is what a token stands for.
type ticket struct {
	account *account
	stage   stage
	expires time.Time
	cookie  string // of the first stage
}

// tokenStore holds the valid tokens. Looking up the whole token is the strictest check of its signature.
type tokenStore struct {
	live map[string]ticket
}

func newTokenStore() tokenStore { return tokenStore{live: map[string]ticket{}} }

func (t *tokenStore) find(token string, now time.Time) (ticket, bool) {
	found, ok := t.live[token]
	return found, ok && now.Before(found.expires)
}

func (t *tokenStore) revokeAll() { clear(t.live) }

// issue creates a token and removes expired ones.
func (s *Server) issue(c *call, k ticket) (string, error) {
	k.expires = c.now.Add(time.Duration(c.switches.TokenLifetime))
	claims := k.claims(c.now)
	for _, name := range c.switches.OmitClaims {
		delete(claims, name)
	}
	token, err := sign(claims)
	if err != nil {
		return "", err
	}
	maps.DeleteFunc(s.tokens.live, func(_ string, old ticket) bool { return !c.now.Before(old.expires) })
	s.tokens.live[token] = k
	return token, nil
}

// claims are the token's content (docs/vendors/nps.md 1.4).
func (k ticket) claims(now time.Time) map[string]any {
	claims := map[string]any{
		"sub":              k.account.login,
		"ManagedAccountId": k.account.id,
		"isMFA":            k.stage == stageFull,
		"iat":              now.Unix(),
		"exp":              k.expires.Unix(),
		"jti":              newGUID(),
	}
	if k.stage == stageNoRole {
		return claims
	}
	role := "User"
	if k.account.admin {
		role = "Admin"
	}
	claims["http://stealthbits.com/pam/roles"] = strings.ToLower(role)
	claims["http://schemas.microsoft.com/ws/2008/06/identity/claims/role"] = role
	return claims
}

// sign makes an RS256 JSON Web Token.
func sign(claims map[string]any) (string, error) {
	key, err := signingKey()
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed + "." + enc.EncodeToString(signature), nil
}

// RevokeTokens invalidates all tokens, as a new signing certificate does.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.revokeAll()
}

// renewToken exchanges a valid token for a new one (docs/vendors/nps.md 1.4). The old one stays valid until it expires.
func (s *Server) renewToken(c *call) (answer, error) {
	if c.switches.RenewalRefused {
		return answer{}, errNoToken
	}
	token, err := s.issue(c, ticket{account: c.who, stage: stageFull})
	if err != nil {
		return answer{}, err
	}
	s.stats.Renewals++
	return c.text(token), nil
}
