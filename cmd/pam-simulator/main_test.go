// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunServesBothUntilTheContextEnds(t *testing.T) {
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	output, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{
			"--sps-address=127.0.0.1:0", "--nps-address=127.0.0.1:0", "--control-address=127.0.0.1:0", "--dir=" + dir,
			"--sps-version=7.0", "--sps-user=robot", "--sps-password-file=" + password,
		}, stdout, io.Discard)
		_ = stdout.Close()
	}()
	urls := map[string]string{}
	for lines := bufio.NewScanner(output); len(urls) < 5 && lines.Scan(); {
		words := strings.Fields(lines.Text())
		urls[words[0]] = words[1]
	}
	client := trusting(t, filepath.Join(dir, "ca.crt"))
	if got := status(t, client, urls["SPS"]+"/api/authentication"); got != http.StatusOK {
		t.Errorf("SPS log-in with the password of the file: status %d", got)
	}
	if got := status(t, client, urls["NPS"]+"/api/v1/Version"); got != http.StatusUnauthorized {
		t.Errorf("NPS without a token: status %d", got)
	}
	if got := status(t, client, urls["control"]+"/stats"); got != http.StatusOK {
		t.Errorf("control: status %d", got)
	}
	if got := status(t, client, urls["page"]); got != http.StatusOK {
		t.Errorf("page: status %d", got)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run ended with %v", err)
	}
}

func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	config := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
}

func status(t *testing.T, c *http.Client, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("robot", "from the file")
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

func TestWrongCommandLines(t *testing.T) {
	tests := map[string]struct {
		arg, want string
	}{
		"a version that the contract does not know": {"--sps-version=9.9", "not one of"},
		"a secret in a file that is not there":      {"--nps-api-key-file=/nothing", "read secret"},
		"an argument":                               {"serve", "unexpected argument"},
		"a flag that does not exist":                {"--port=1", "not defined"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), []string{tt.arg}, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}
