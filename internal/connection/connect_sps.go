// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"crypto/tls"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/credential"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Connect returns the appliance of a connection, even if the connection is not ready, without checking permissions: the
// connection's own controller probes it this way. It sends nothing.
func (p *Pool) Connect(ctx context.Context, c *pamv1alpha1.SPSConnection) (*appliance.Appliance, error) {
	s, err := p.applianceFor(client.ObjectKeyFromObject(c))
	if err != nil {
		return nil, err
	}
	inputs := func() (string, error) { return p.inputs(ctx, c, spsSources(c)) }
	version := ""
	load := func() (string, func() (*appliance.Appliance, error), error) {
		cfg, err := p.spsConfig(ctx, c)
		if err != nil {
			return "", nil, err
		}
		if version, err = p.credentialsVersion(ctx, spsSources(c), c.Spec.URL, c.Spec.TLS); err != nil {
			return "", nil, err
		}
		build := func() (*appliance.Appliance, error) { return p.newAppliance(c, cfg, version, s) }
		return digest(cfg.content()...), build, nil
	}
	a, err := s.current(c.UID, inputs, load, func(old *appliance.Appliance) { p.retire(ctx, old) })
	if err == nil && version != "" {
		a.LogIns.ReadAgain(version)
	}
	switch {
	case err == nil:
		a.Configure(c.Spec.Commit, maxSPSResponse(c))
	case IsNotReady(err):
		retireIfLost(ctx, p, c, s, func(old *appliance.Appliance) { p.retire(ctx, old) })
	}
	return a, err
}

func (p *Pool) newAppliance(
	c *pamv1alpha1.SPSConnection, settings spsSettings, version string, known *cached[*appliance.Appliance],
) (*appliance.Appliance, error) {
	cfg := settings.Config
	name, address := client.ObjectKeyFromObject(c), CanonicalURL(c.Spec.URL)
	if p.cfg.Client != nil {
		cfg.Sessions = sessionStore{live: p.cfg.Live, client: p.cfg.Client, conn: c.DeepCopy(), url: address}
	}
	cfg.Breaker = p.breaker(metrics.SPS(name), p.cfg.NotifyAppliance)
	cfg.Observe = p.observe(metrics.SPS(name))
	logIns := p.newLogIns(
		sps.LogInTerms, c.Namespace, address, cfg.Username, version, c.Status.LogIn, settings.credentials())
	cfg.Account = logIns.Account()
	memory := p.cfg.Memory.Share(c.Namespace, maxSPSResponse(c), maxResponseField)
	cfg.Memory = memory
	spsClient, err := sps.New(cfg)
	if err != nil {
		memory.Close()
		return nil, invalid("connection %s/%s: %v", c.Namespace, c.Name, err)
	}
	before, replaces := known.latest() // a new password is no new account
	loggedIn := replaces && before.URL == address && before.Account == settings.account() && before.HasLoggedIn()
	shared, leave := p.gate(address)
	return appliance.New(appliance.Config{
		Client: spsClient, Breaker: cfg.Breaker, URL: address, Account: settings.account(), LogIns: logIns,
		LoggedIn: loggedIn, Certificate: settings.certificate, Gate: shared, Leave: leave, Memory: memory,
		LockPause: p.cfg.LockedRetry, Notify: func() { p.cfg.NotifyAppliance(name) }, Observer: metrics.OfAppliance(address),
	}), nil
}

// spsSettings is a client's configuration, together with the text that distinguishes it from another one.
type spsSettings struct {
	sps.Config
	pem         string
	certificate credential.Certificate
}

// credentials are what the client logs in with.
func (s spsSettings) credentials() []string {
	if s.X509 {
		return []string{s.pem}
	}
	return []string{s.LoginMethod, s.Username, s.Password}
}

func (s spsSettings) content() []string {
	name, insecure := "", false
	if s.TLS != nil {
		name, insecure = s.TLS.ServerName, s.TLS.InsecureSkipVerify
	}
	return []string{
		s.URL, s.Username, s.Password, s.LoginMethod, strconv.FormatBool(s.X509), s.pem, name, strconv.FormatBool(insecure),
		s.CommitTimeout.String(),
	}
}

func (p *Pool) spsConfig(ctx context.Context, c *pamv1alpha1.SPSConnection) (spsSettings, error) {
	out := spsSettings{Config: sps.Config{
		URL: c.Spec.URL, LoginMethod: c.Spec.LoginMethod, UserAgent: p.cfg.UserAgent, Fence: p.cfg.Fence,
		Network: p.cfg.Network,
	}}
	if c.Spec.Commit != nil {
		out.CommitTimeout = ptr.Deref(c.Spec.Commit.Timeout, metav1.Duration{}).Duration
	}
	var err error
	if out.TLS, out.pem, err = p.contents.tlsConfig(ctx, c.Spec.TLS, c.Namespace); err != nil {
		return out, err
	}
	from := spsSecret(c, c.Spec.CredentialsSecretRef)
	data, err := p.contents.data(ctx, from)
	if err != nil {
		return out, err
	}
	if _, password := data["password"]; !password && len(data[corev1.TLSCertKey]) > 0 {
		pair, err := keyPair(from, data)
		if err != nil {
			return out, err
		}
		out.X509, out.TLS.Certificates = true, []tls.Certificate{pair}
		out.certificate = credential.NewCertificate(from.name.String(), pair)
		out.pem += string(data[corev1.TLSCertKey]) + string(data[corev1.TLSPrivateKeyKey])
		return out, nil
	}
	if out.Username, err = value(from, data, "username"); err != nil {
		return out, err
	}
	out.Password, err = value(from, data, "password")
	return out, err
}
