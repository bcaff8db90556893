// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"context"
	"crypto/tls"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/credential"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
	"github.com/pam-operator/pam-operator/internal/textfile"
)

// errRevoked means that the credentials used for polling the sessions are gone.
var errRevoked = notReady("the credentials of the connection are gone")

// ConnectServer returns the server of a connection, even if the connection is not ready, without checking permissions.
// It sends nothing.
func (p *Pool) ConnectServer(ctx context.Context, c *pamv1alpha1.NPSConnection) (*sessions.Server, error) {
	name := client.ObjectKeyFromObject(c)
	entry := p.entry(name)
	if entry.isClosed() {
		return nil, errStopping
	}
	s := &entry.client
	inputs := func() (string, error) { return p.inputs(ctx, c, npsSources(c)) }
	version := ""
	load := func() (string, func() (*sessions.Server, error), error) {
		cfg, err := p.npsConfig(ctx, c)
		if err != nil {
			return "", nil, err
		}
		if version, err = p.credentialsVersion(ctx, npsSources(c), c.Spec.URL, c.Spec.Auth, c.Spec.TLS); err != nil {
			return "", nil, err
		}
		return digest(cfg.parts...), func() (*sessions.Server, error) { return p.newServer(c, cfg, version) }, nil
	}
	server, err := s.current(c.UID, inputs, load, func(old *sessions.Server) { old.Close() })
	switch {
	case IsNotReady(err):
		retireIfLost(ctx, p, c, s, func(old *sessions.Server) { old.Revoke(errRevoked) })
		return server, err
	case err != nil:
		return server, err
	}
	if version != "" {
		server.LogIns.ReadAgain(version)
	}
	starting, active := p.polling(c)
	server.Configure(starting, active, maxNPSResponse(c))
	return server, nil
}

func (p *Pool) newServer(c *pamv1alpha1.NPSConnection, cfg npsSettings, version string) (*sessions.Server, error) {
	name := client.ObjectKeyFromObject(c)
	cfg.Breaker = p.breaker(metrics.NPS(name), p.cfg.NotifyServer)
	cfg.Observe = p.observe(metrics.NPS(name))
	logIns := p.newLogIns(
		nps.LogInTerms, c.Namespace, c.Spec.URL, cfg.account, version, c.Status.LogIn, cfg.credentials)
	cfg.Account = logIns.Account()
	memory := p.cfg.Memory.Share(c.Namespace, maxNPSResponse(c), maxResponseField)
	cfg.Memory = memory
	npsClient, err := nps.New(cfg.Config)
	if err != nil {
		memory.Close()
		return nil, invalid("connection %s: %v", name, err)
	}
	poller := p.entry(name).pollerFor(p)
	poller.Use(npsClient, nil)
	return sessions.NewServer(sessions.ServerConfig{
		Client: npsClient, Breaker: cfg.Breaker, Clock: cfg.Clock, Address: CanonicalURL(c.Spec.URL),
		Account: cfg.account, LogIns: logIns,
		Certificate: cfg.certificate, Poller: poller, Memory: memory,
		Strangers: p.cfg.Memory.Share(c.Namespace, sessions.MaxStrangersMemory, ""),
	}), nil
}

// npsSettings is a client's configuration, together with the texts that distinguish it from another one.
type npsSettings struct {
	nps.Config
	parts []string
	// credentials are what the client logs in with.
	credentials []string
	// account is the name of the account, for which the server counts failed log-ins.
	account     string
	certificate credential.Certificate
}

func (p *Pool) npsConfig(ctx context.Context, c *pamv1alpha1.NPSConnection) (npsSettings, error) {
	out := npsSettings{Config: nps.Config{
		URL: c.Spec.URL, UserAgent: p.cfg.UserAgent, Limiter: p.limiter(c), UsedCodes: &p.usedCodes, Clock: p.clock(c),
		Fence: p.cfg.Fence, Network: p.cfg.Network,
	}}
	var (
		err error
		ca  string
	)
	if out.TLS, ca, err = p.contents.tlsConfig(ctx, c.Spec.TLS, c.Namespace); err != nil {
		return out, err
	}
	out.parts = []string{
		c.Spec.URL, ca, out.TLS.ServerName, strconv.FormatBool(out.TLS.InsecureSkipVerify),
	}
	if c.Spec.Auth.Type == pamv1alpha1.NPSAuthApplicationUser {
		return p.applicationUser(ctx, c, out)
	}
	return p.user(ctx, c, out)
}

func (p *Pool) applicationUser(
	ctx context.Context, c *pamv1alpha1.NPSConnection, out npsSettings,
) (npsSettings, error) {
	app := c.Spec.Auth.ApplicationUser
	from := npsSecret(c, app.CredentialsSecretRef)
	data, err := p.contents.data(ctx, from)
	if err != nil {
		return out, err
	}
	auth := nps.ApplicationUser{}
	if app.SerialNumber != nil {
		auth.SerialNumber = *app.SerialNumber
	}
	if auth.Login, err = value(from, data, "login"); err != nil {
		return out, err
	}
	if auth.APIKey, err = value(from, data, "apiKey"); err != nil {
		return out, err
	}
	certificate := npsSecret(c, app.CertificateSecretRef)
	if data, err = p.contents.data(ctx, certificate); err != nil {
		return out, err
	}
	pair, err := keyPair(certificate, data)
	if err != nil {
		return out, err
	}
	out.TLS.Certificates, out.Auth, out.account = []tls.Certificate{pair}, auth, auth.Login
	out.certificate = credential.NewCertificate(certificate.name.String(), pair)
	out.credentials = []string{
		auth.Login, auth.APIKey, auth.SerialNumber, string(data[corev1.TLSCertKey]), string(data[corev1.TLSPrivateKeyKey]),
	}
	out.parts = append(out.parts, out.credentials...)
	return out, nil
}

func (p *Pool) user(ctx context.Context, c *pamv1alpha1.NPSConnection, out npsSettings) (npsSettings, error) {
	from := npsSecret(c, c.Spec.Auth.User.CredentialsSecretRef)
	data, err := p.contents.data(ctx, from)
	if err != nil {
		return out, err
	}
	auth := nps.User{}
	if auth.TOTPSecret, err = optional(from, data, "totpSecret", textfile.Text); err != nil {
		return out, err
	}
	if err := nps.CheckTOTPSecret(auth.TOTPSecret); auth.TOTPSecret != "" && err != nil {
		return out, invalid("key totpSecret of Secret %s %v", from.name, err)
	}
	if auth.MFACode, err = optional(from, data, "mfaCode", textfile.Line); err != nil {
		return out, err
	}
	if auth.Username, err = value(from, data, "username"); err != nil {
		return out, err
	}
	if auth.Password, err = value(from, data, "password"); err != nil {
		return out, err
	}
	out.Auth, out.account = auth, auth.Username
	out.credentials = []string{auth.Username, auth.Password, auth.TOTPSecret, auth.MFACode}
	out.parts = append(out.parts, out.credentials...)
	return out, nil
}

const (
	defaultActiveSessions    = 200
	defaultRequestsPerSecond = 20
)

// polling returns the polling intervals of a connection: for sessions that are about to change, and for the others. The
// manager's own bounds take precedence over the spec.
func (p *Pool) polling(c *pamv1alpha1.NPSConnection) (starting, active time.Duration) {
	starting, active = sessions.DefaultPollStarting, sessions.DefaultPollActive
	if wanted := c.Spec.Polling; wanted != nil {
		starting = cmp.Or(ptr.Deref(wanted.Starting, metav1.Duration{}).Duration, starting)
		active = cmp.Or(ptr.Deref(wanted.Active, metav1.Duration{}).Duration, active)
	}
	return max(starting, p.cfg.MinPollInterval), max(active, p.cfg.MinPollInterval)
}

func (p *Pool) requestsPerSecond(c *pamv1alpha1.NPSConnection) int32 {
	wanted := int32(defaultRequestsPerSecond)
	if l := c.Spec.Limits; l != nil && l.RequestsPerSecond != nil {
		wanted = *l.RequestsPerSecond
	}
	if most := p.cfg.MaxRequestsPerSecond; most > 0 {
		return min(wanted, most)
	}
	return wanted
}

// limiter returns the rate limiter of a connection's requests, set to its present spec. It outlives the client, which
// is replaced with the credentials: the server must not see two clients, each at its full rate.
func (p *Pool) limiter(c *pamv1alpha1.NPSConnection) *sessions.Pacer {
	return p.entry(client.ObjectKeyFromObject(c)).limiterOf(p.requestsPerSecond(c))
}

// ActiveSessionLimit is how many sessions may be live at the same time through a connection.
func ActiveSessionLimit(c *pamv1alpha1.NPSConnection) int32 {
	if l := c.Spec.Limits; l != nil && l.ActiveSessions != nil {
		return *l.ActiveSessions
	}
	return defaultActiveSessions
}
