// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"

	"github.com/pam-operator/pam-operator/internal/process"
)

// appliances is what the simulator announces when it serves.
type appliances struct {
	// SPS and NPS are the base URLs of the two, SPSControl and NPSControl those of their control APIs. Page shows both.
	SPS, NPS, SPSControl, NPSControl, Page string
}

// account has the credentials of the simulated appliances: made for this run, and never shown.
type account struct {
	login, password, apiKey             string
	ca, clientCertificate, clientSecret string // PEM
}

// startSimulator starts bin/pam-simulator on free ports, with the delays of real appliances, only shorter.
func (d *demo) startSimulator(ctx context.Context) error {
	binary, err := d.command("pam-simulator")
	if err != nil {
		return err
	}
	d.account = account{login: "pam-operator", password: rand.Text(), apiKey: rand.Text()}
	dir := d.path("simulator")
	if err := d.account.writeSecrets(dir); err != nil {
		return err
	}
	output := &announcement{complete: make(chan struct{})}
	d.simulator, err = process.Start(ctx, d.path("simulator.log"), output, binary,
		"--sps-address=127.0.0.1:0", "--nps-address=127.0.0.1:0", "--control-address=127.0.0.1:0", "--dir="+dir,
		"--sps-user="+d.account.login, "--sps-password-file="+dir+"/password",
		"--nps-application="+d.account.login, "--nps-api-key-file="+dir+"/apiKey",
		"--write-delay=20ms", "--commit-delay=1s", "--provisioning-delay=2s")
	if err != nil {
		return err
	}
	select {
	case <-output.complete:
	case <-d.simulator.Done():
		return d.simulator.Failure()
	case <-ctx.Done():
		return ctx.Err()
	}
	d.appliances, _ = parseAnnouncement(output.text())
	d.screen.detail("SPS at %s, NPS at %s", d.appliances.SPS, d.appliances.NPS)
	return d.account.readCertificates(dir)
}

func (a *account) writeSecrets(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, content := range map[string]string{"password": a.password, "apiKey": a.apiKey} {
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (a *account) readCertificates(dir string) error {
	for name, into := range map[string]*string{
		"ca.crt": &a.ca, "client.crt": &a.clientCertificate, "client.key": &a.clientSecret,
	} {
		content, err := os.ReadFile(dir + "/" + name) //nolint:gosec // G304: a file in our own folder
		if err != nil {
			return err
		}
		*into = string(content)
	}
	return nil
}

// announcement collects what the simulator prints until it is complete.
type announcement struct {
	mu       sync.Mutex
	printed  strings.Builder
	complete chan struct{} // closed when every address was printed
	closed   bool
}

func (a *announcement) Write(text []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.printed.Write(text)
	if _, all := parseAnnouncement(a.printed.String()); all && !a.closed {
		a.closed = true
		close(a.complete)
	}
	return len(text), nil
}

func (a *announcement) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.printed.String()
}

// parseAnnouncement finds the addresses in what the simulator prints; false while one is missing.
func parseAnnouncement(text string) (appliances, bool) {
	var found appliances
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case !strings.HasSuffix(line, "\n") || len(words) < 2: // an incomplete line
		case words[0] == "SPS":
			found.SPS = words[1]
		case words[0] == "NPS":
			found.NPS = words[1]
		case words[0] == "page":
			found.Page = words[1]
		case words[0] == "control" && len(words) > 2:
			found.SPSControl, found.NPSControl = words[1], words[2]
		}
	}
	return found, found.SPS != "" && found.NPS != "" && found.SPSControl != ""
}
