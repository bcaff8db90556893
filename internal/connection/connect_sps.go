// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"crypto/tls"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Connect returns the appliance of a connection, ready or not and without asking who wants it: the connection's own
// controller tries it out this way. Nothing is sent.
func (p *Pool) Connect(ctx context.Context, c *pamv1alpha1.SPSConnection) (*Appliance, error) {
	s, err := slotOf(p, p.appliances, client.ObjectKeyFromObject(c))
	if err != nil {
		return nil, err
	}
	inputs := func() (string, error) { return p.inputs(ctx, c, spsSources(c)) }
	version := ""
	load := func() (string, func() (*Appliance, error), error) {
		cfg, err := p.spsConfig(ctx, c)
		if err != nil {
			return "", nil, err
		}
		if version, err = p.credentialsVersion(ctx, spsSources(c), c.Spec.URL, c.Spec.TLS); err != nil {
			return "", nil, err
		}
		return digest(cfg.content()...), func() (*Appliance, error) { return p.newAppliance(c, cfg, version) }, nil
	}
	appliance, err := s.current(inputs, load, func(old *Appliance) { p.retire(ctx, old) })
	if err == nil && version != "" {
		appliance.LogIns.readAgain(version)
	}
	switch {
	case err == nil:
		appliance.configure(c.Spec.Commit)
		if appliance.memory.SetMax(maxSPSResponse(c)) {
			appliance.Inventory.TryAgain()
		}
	case IsNotReady(err):
		outlive(ctx, p, c, s, func(a *Appliance) { p.retire(ctx, a) })
	}
	return appliance, err
}

func (p *Pool) newAppliance(c *pamv1alpha1.SPSConnection, settings spsSettings, version string) (*Appliance, error) {
	cfg := settings.Config
	name, address := client.ObjectKeyFromObject(c), CanonicalURL(c.Spec.URL)
	if p.cfg.Client != nil {
		cfg.Sessions = sessionStore{live: p.cfg.Live, client: p.cfg.Client, conn: c.DeepCopy(), url: address}
	}
	cfg.Breaker = p.breaker("SPSConnection", name, p.cfg.Notify)
	logIns := p.newLogIns(sps.LogInTerms, address, cfg.Username, version, c.Status.LogIn, settings.credentials())
	cfg.Account = logIns.account
	var a *Appliance
	memory := p.cfg.Memory.Share(maxSPSResponse(c), maxResponseField, func() { a.Inventory.Forget() })
	cfg.Memory = memory
	spsClient, err := sps.New(cfg)
	if err != nil {
		memory.Close()
		return nil, invalid("connection %s/%s: %v", c.Namespace, c.Name, err)
	}
	gate, leave := p.gate(address)
	a = newAppliance(spsClient, address, gate, p.cfg.LockedRetry, func() { p.cfg.Notify(name) })
	a.Breaker, a.LogIns, a.Account = cfg.Breaker, logIns, settings.account()
	a.Certificate = settings.certificate
	a.leave, a.memory, a.Inventory.memory = leave, memory, memory
	return a, nil
}

// spsSettings is a client's configuration together with the text that makes it differ from another one.
type spsSettings struct {
	sps.Config
	pem         string
	certificate ClientCertificate
}

// credentials are what it logs in with.
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
		out.CommitTimeout = duration(c.Spec.Commit.Timeout)
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
		out.certificate = clientCertificate(from, pair)
		out.pem += string(data[corev1.TLSCertKey]) + string(data[corev1.TLSPrivateKeyKey])
		return out, nil
	}
	if out.Username, err = value(from, data, "username"); err != nil {
		return out, err
	}
	out.Password, err = value(from, data, "password")
	return out, err
}
