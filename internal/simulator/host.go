// SPDX-License-Identifier: Apache-2.0

// Package simulator hosts simulated appliances: each on its own HTTPS listener, with certificates from a CA that the
// host creates, and all behind one plain HTTP control port, under /<name>/. A page at the root of that port shows them.
//
// The appliances are in the packages sps and nps below. This package knows them only as http.Handlers; page.html knows
// their control APIs.
package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// anyLoopbackPort is the default address of a listener.
	anyLoopbackPort = "127.0.0.1:0"
	// stopTimeout bounds the requests in flight when the host stops.
	stopTimeout = 5 * time.Second
	// headerTimeout bounds the header of a request.
	headerTimeout = 10 * time.Second
)

// Listener is one appliance.
type Listener struct {
	// Name identifies it in Running.URL and on the control port.
	Name string
	// Address is host:port; port 0 picks a free one. Default: a free port on loopback.
	Address string
	// Handler serves the appliance's API.
	Handler http.Handler
	// Control, if set, is served by the control port under /<Name>/, without that prefix.
	Control http.Handler
	// Kind is whose control API Control is. Without it, the page does not show the appliance.
	Kind Kind
}

// Config defines what to serve.
type Config struct {
	// Dir receives ca.crt, client.crt and client.key; it is created if missing. Empty writes nothing.
	Dir string
	// CA signs all certificates. Default: a new one.
	CA *CA
	// Names are additional names and addresses in the server certificate.
	Names []string
	// ClientName is the common name of the client certificate. Default: "admin".
	ClientName string
	// ControlAddress is the address of the control port. It must be on loopback, because the port has no authentication.
	// Default: a free port.
	ControlAddress string
	Listeners      []Listener
}

// Running is a running host.
type Running struct {
	ca        *CA
	client    Pair
	urls      map[string]string
	control   string
	servers   []*http.Server
	listeners []net.Listener
	done      chan struct{}
	err       error // valid once done is closed
}

// Serve starts all listeners and returns when they accept connections. They stop when ctx ends; Wait returns after
// that.
func Serve(ctx context.Context, c Config) (*Running, error) {
	r := &Running{ca: c.CA, urls: map[string]string{}, done: make(chan struct{})}
	if err := r.prepare(ctx, c); err != nil {
		r.closeListeners()
		return nil, err
	}
	failed := make(chan error, len(r.servers))
	var serving sync.WaitGroup
	for i, server := range r.servers {
		serving.Go(func() { failed <- server.Serve(r.listeners[i]) })
	}
	go r.supervise(ctx, failed, &serving)
	return r, nil
}

// prepare creates certificates and opens all ports.
func (r *Running) prepare(ctx context.Context, c Config) error {
	server, err := r.makeCertificates(c)
	if err != nil {
		return err
	}
	// Both vendors accept client certificates, but request them only at log-in: the host requests them, the appliance
	// judges.
	tlsConfig := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequestClientCert,
		NextProtos: []string{"h2", "http/1.1"},
	}
	for _, l := range c.Listeners {
		plain, err := listen(ctx, l.Address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", l.Name, err)
		}
		r.urls[l.Name] = "https://" + plain.Addr().String()
		r.add(tls.NewListener(plain, tlsConfig), l.Handler)
	}
	plain, err := listen(ctx, c.ControlAddress)
	if err != nil {
		return fmt.Errorf("listen for control: %w", err)
	}
	r.control = "http://" + plain.Addr().String()
	r.add(plain, controlPort(c.Listeners))
	if address, isTCP := plain.Addr().(*net.TCPAddr); !isTCP || !address.IP.IsLoopback() {
		return fmt.Errorf("control address %s is not on loopback", plain.Addr())
	}
	return nil
}

func (r *Running) add(l net.Listener, h http.Handler) {
	r.listeners = append(r.listeners, l)
	r.servers = append(r.servers, &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout})
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		address = anyLoopbackPort
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// makeCertificates creates what is missing, writes what clients need, and returns the servers' certificate.
func (r *Running) makeCertificates(c Config) (server Pair, err error) {
	if r.ca == nil {
		if r.ca, err = NewCA(); err != nil {
			return Pair{}, err
		}
	}
	if server, err = r.ca.ServerCertificate(c.Names...); err != nil {
		return Pair{}, err
	}
	name := c.ClientName
	if name == "" {
		name = "admin"
	}
	if r.client, err = r.ca.ClientCertificate(name); err != nil {
		return Pair{}, err
	}
	if c.Dir == "" {
		return server, nil
	}
	return server, r.writeFiles(c.Dir)
}

func (r *Running) writeFiles(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"ca.crt": r.ca.CertificatePEM(), "client.crt": r.client.CertificatePEM, "client.key": r.client.PrivateKeyPEM,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// supervise waits for the end of ctx or of any server, and stops the rest.
func (r *Running) supervise(ctx context.Context, failed <-chan error, serving *sync.WaitGroup) {
	defer close(r.done)
	select {
	case <-ctx.Done():
	case err := <-failed:
		r.err = fmt.Errorf("serve: %w", err)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, server := range r.servers {
		if err := server.Shutdown(stopping); err != nil {
			r.err = errors.Join(r.err, server.Close())
		}
	}
	serving.Wait()
}

func (r *Running) closeListeners() {
	for _, l := range r.listeners {
		_ = l.Close()
	}
}

// Wait returns when everything has stopped: nil after the end of the context, an error if a listener failed before.
func (r *Running) Wait() error {
	<-r.done
	return r.err
}

// URL is the address of an appliance, https://host:port; empty for an unknown name.
func (r *Running) URL(name string) string { return r.urls[name] }

// ControlURL is the address of an appliance's control API, http://host:port/name.
func (r *Running) ControlURL(name string) string { return r.control + "/" + name }

// PageURL is the address of the page that shows the appliances.
func (r *Running) PageURL() string { return r.control + "/" }

// CA returns the CA of the servers' certificates.
func (r *Running) CA() *CA { return r.ca }

// Client returns the certificate in client.crt, for X.509 log-in to SPS and for application users of NPS.
func (r *Running) Client() Pair { return r.client }
