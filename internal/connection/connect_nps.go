// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"context"
	"crypto/tls"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/textfile"
)

// ConnectServer returns the server of a connection, ready or not and without asking who wants it. Nothing is sent.
func (p *Pool) ConnectServer(ctx context.Context, c *pamv1alpha1.NPSConnection) (*Server, error) {
	name := client.ObjectKeyFromObject(c)
	s, err := slotOf(p, p.servers, name)
	if err != nil {
		return nil, err
	}
	inputs := func() (string, error) { return p.inputs(ctx, c, npsSources(c)) }
	version := ""
	load := func() (string, func() (*Server, error), error) {
		cfg, err := p.npsConfig(ctx, c)
		if err != nil {
			return "", nil, err
		}
		if version, err = p.credentialsVersion(ctx, npsSources(c), c.Spec.URL, c.Spec.Auth, c.Spec.TLS); err != nil {
			return "", nil, err
		}
		return digest(cfg.parts...), func() (*Server, error) { return p.newServer(c, cfg, version) }, nil
	}
	server, err := s.current(inputs, load, func(old *Server) { old.close() })
	switch {
	case IsNotReady(err):
		outlive(ctx, p, c, s, func(old *Server) { old.close(); old.poller.use(nil) })
		return server, err
	case err != nil:
		return server, err
	}
	if version != "" {
		server.LogIns.readAgain(version)
	}
	server.poller.pace(p.polling(c))
	if observed := c.Status.ObservedGeneration; observed != nil && *observed == c.Generation {
		server.recall(&c.Status) // of another spec, the status may speak of another server
	}
	server.memory.SetMax(maxNPSResponse(c))
	return server, nil
}

func (p *Pool) newServer(c *pamv1alpha1.NPSConnection, cfg npsSettings, version string) (*Server, error) {
	name := client.ObjectKeyFromObject(c)
	cfg.Breaker = p.breaker("NPSConnection", name, p.cfg.NotifyServer)
	logIns := p.newLogIns(nps.LogInTerms, c.Spec.URL, cfg.account, version, c.Status.LogIn, cfg.credentials)
	cfg.Account = logIns.account
	memory := p.cfg.Memory.Share(maxNPSResponse(c), maxResponseField, nil)
	cfg.Memory = memory
	npsClient, err := nps.New(cfg.Config)
	if err != nil {
		memory.Close()
		return nil, invalid("connection %s: %v", name, err)
	}
	poller := p.poller(name)
	poller.use(npsClient)
	server := newServer(npsClient, poller, cfg.Breaker)
	server.LogIns, server.memory, server.clock = logIns, memory, cfg.Clock
	server.Certificate = cfg.certificate
	server.address = CanonicalURL(c.Spec.URL)
	return server, nil
}

// npsSettings is a client's configuration together with the texts that make it differ from another one.
type npsSettings struct {
	nps.Config
	parts []string
	// credentials are what it logs in with.
	credentials []string
	// account is the name of the account, by which the server counts failed log-ins.
	account     string
	certificate ClientCertificate
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
	out.certificate = clientCertificate(certificate, pair)
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

	defaultPollStarting = 2 * time.Second
	defaultPollActive   = 15 * time.Second
)

// polling are the intervals at which the sessions of a connection are looked at: those that are about to change, and
// the others. Whoever may write connections cannot go below what the manager allows.
func (p *Pool) polling(c *pamv1alpha1.NPSConnection) (starting, active time.Duration) {
	starting, active = defaultPollStarting, defaultPollActive
	if wanted := c.Spec.Polling; wanted != nil {
		starting, active = cmp.Or(duration(wanted.Starting), starting), cmp.Or(duration(wanted.Active), active)
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

// limiter returns the limit of a connection's requests, as its spec has it now. It outlives the client, which is
// replaced with the credentials: the server is not to see two clients, each at its full rate.
func (p *Pool) limiter(c *pamv1alpha1.NPSConnection) *pacer {
	name, perSecond := client.ObjectKeyFromObject(c), p.requestsPerSecond(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.limiters[name]
	if !ok {
		found = newPacer(perSecond)
		p.limiters[name] = found
	}
	found.limit(perSecond)
	return found
}

// ActiveSessionLimit is how many sessions may live at the same time through a connection.
func ActiveSessionLimit(c *pamv1alpha1.NPSConnection) int32 {
	if l := c.Spec.Limits; l != nil && l.ActiveSessions != nil {
		return *l.ActiveSessions
	}
	return defaultActiveSessions
}
