// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base32"
	"net"
	"net/http"
	"slices"
)

// authenticationFailure is the response to every failed log-in, and to correct credentials during a block
// (docs/vendors/sps.md 1.12, 1.13).
func authenticationFailure() *apiError {
	return refused(http.StatusUnauthorized, "AuthenticationFailure", "Unable to authenticate")
}

// logIn handles GET /api/authentication (docs/vendors/sps.md 1.2 to 1.8): it checks the credentials; the session is in
// the response's cookie.
func (a *Appliance) logIn(c *call) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	user, password, _ := c.r.BasicAuth()
	byCertificate := c.r.URL.Query().Get("type") == "x509"
	if byCertificate {
		user = a.certificateUser(c.r)
	}
	from, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		from = c.r.RemoteAddr
	}
	if a.blocked(from, user) {
		a.counters.failedLogIns++
		return answer{}, authenticationFailure()
	}
	fits, mayUseREST := byCertificate && user != "", true
	if !byCertificate {
		fits, mayUseREST = a.credentialsFit(user, password)
	}
	if !fits || !a.methodFits(c.r) {
		a.counters.failedLogIns++
		a.noteFailure(from, user)
		return answer{}, authenticationFailure()
	}
	a.noteSuccess(from, user)
	if !mayUseREST {
		return answer{}, refused(http.StatusForbidden, "Unauthorized", "The user may not use the REST API")
	}
	a.counters.logIns++
	return answer{
		status: http.StatusOK, body: fields{"meta": link("/api/authentication")}, cookies: a.cookies(a.newSession(user)),
	}, nil
}

// certificateUser is the account in the client certificate; "" if there is none.
func (a *Appliance) certificateUser(r *http.Request) string {
	if !a.switches.X509 || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	leaf := r.TLS.PeerCertificates[0]
	if a.clientCAs != nil {
		intermediates := x509.NewCertPool()
		for _, c := range r.TLS.PeerCertificates[1:] {
			intermediates.AddCert(c)
		}
		_, err := leaf.Verify(x509.VerifyOptions{
			Roots: a.clientCAs, Intermediates: intermediates, CurrentTime: a.now(),
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err != nil {
			return ""
		}
	}
	if _, known := a.users[leaf.Subject.CommonName]; !known {
		return ""
	}
	return leaf.Subject.CommonName
}

// credentialsFit checks the accounts of Options.Users, then the committed local users. A local user needs the group
// "api" to use the REST API.
func (a *Appliance) credentialsFit(user, password string) (fits, mayUseREST bool) {
	if want, known := a.users[user]; known && subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 {
		return true, true
	}
	fits, mayUseREST = a.committed.passwordFits(user, password)
	return fits, mayUseREST || user == DefaultUser
}

// methodFits checks login_method, which versions without discovery of methods ignore.
func (a *Appliance) methodFits(r *http.Request) bool {
	method := r.URL.Query().Get("login_method")
	if method == "" {
		return !a.switches.RequireLoginMethod
	}
	return a.switches.LoginMethodsPath == LoginTypes || slices.Contains(a.switches.LoginMethods, method)
}

// cookies are the cookies of a log-in, with their attributes (docs/vendors/sps.md 1.3).
func (a *Appliance) cookies(s *session) []*http.Cookie {
	expires := s.created.Add(cookieLife).UTC()
	//nolint:gosec // the appliance sends no SameSite (docs/vendors/sps.md 1.3)
	id := &http.Cookie{
		Name: sessionCookie, Value: s.id, Path: "/", Expires: expires, MaxAge: int(cookieLife.Seconds()),
		HttpOnly: true, Secure: true,
	}
	if !a.switches.TicketCookie {
		return []*http.Cookie{id}
	}
	var b [44]byte // 71 characters of base32
	_, _ = rand.Read(b[:])
	ticket := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])
	//nolint:gosec // as above
	return []*http.Cookie{id, {
		Name: "ticket", Value: ticket, Path: "/", Expires: expires, HttpOnly: true, Secure: true,
	}}
}

// logOut handles DELETE /api/authentication, which probably does not exist (docs/vendors/sps.md Q11).
func (a *Appliance) logOut(c *call) (answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.switches.LogOut {
		return answer{}, notPermitted()
	}
	if c.session == nil {
		return answer{}, unauthenticated()
	}
	a.drop(c.session)
	return ok(fields{"meta": link("/api/authentication")}), nil
}

func (a *Appliance) loginTypes(*call) (answer, error) {
	s := a.Switches()
	if s.LoginMethodsPath != LoginTypes {
		return answer{}, notFound()
	}
	types := []string{"basic"}
	if s.X509 {
		types = append(types, "x509")
	}
	return ok(fields{"types": types, "meta": link("/api/authentication/" + LoginTypes)}), nil
}

func (a *Appliance) loginMethods(*call) (answer, error) {
	s := a.Switches()
	if s.LoginMethodsPath != LoginMethods {
		return answer{}, notFound()
	}
	methods := make([]any, 0, len(s.LoginMethods))
	for _, name := range s.LoginMethods {
		methods = append(methods, fields{"name": name, "type": "password"})
	}
	return ok(fields{"login_methods": methods, "meta": link("/api/authentication/" + LoginMethods)}), nil
}

// userInfo returns the token that browsers must send back (docs/vendors/sps.md 1.15).
func (a *Appliance) userInfo(c *call) (answer, error) {
	body := fields{"name": c.session.user, "token": c.session.token}
	return ok(fields{"body": body, "key": "info", "meta": link("/api/user/info")}), nil
}
