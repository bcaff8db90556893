// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"time"
)

// plainClient is the procedure in the vendor's documentation as a plain script: log in, then for every object open a
// transaction, POST, and commit (sps contract 1.2 and 3). It shares no code with the operator.
type plainClient struct {
	http *http.Client
	url  string
}

func newPlainClient(a *appliance) (*plainClient, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: a.pool}}
	return &plainClient{http: &http.Client{Jar: jar, Transport: transport}, url: a.url}, nil
}

// plainRun creates n objects like body on an appliance, and returns how long that took.
func plainRun(ctx context.Context, a *appliance, body map[string]any, n int) (time.Duration, error) {
	c, err := newPlainClient(a)
	if err != nil {
		return 0, err
	}
	defer c.http.CloseIdleConnections()
	begun := time.Now()
	if err := c.logIn(ctx, account, a.password); err != nil {
		return 0, err
	}
	for i := range n {
		object := maps.Clone(body)
		object["name"] = fmt.Sprintf("plain-%05d", i)
		if err := c.create(ctx, object); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}

func (c *plainClient) logIn(ctx context.Context, user, password string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/api/authentication", nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(user, password)
	return c.send(request)
}

// transactionPath is where transactions are opened and committed.
const transactionPath = "/api/transaction"

func (c *plainClient) create(ctx context.Context, object map[string]any) error {
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, transactionPath, nil},
		{http.MethodPost, "/api/configuration/rdp/connections", object},
		{http.MethodPut, transactionPath, map[string]string{"status": "commit"}},
	} {
		if err := c.call(ctx, step.method, step.path, step.body); err != nil {
			return err
		}
	}
	return nil
}

func (c *plainClient) call(ctx context.Context, method, path string, body any) error {
	request, err := newRequest(ctx, method, c.url+path, body)
	if err != nil {
		return err
	}
	return c.send(request)
}

func (c *plainClient) send(request *http.Request) error {
	if _, err := exchange(c.http, request); err != nil {
		return fmt.Errorf("plain procedure: %w", err)
	}
	return nil
}
