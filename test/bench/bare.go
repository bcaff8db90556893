// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"time"
)

// bareWrites is how long n writes and one commit take without an operator: log in, open a transaction, POST each
// object, commit. It shares no code with the operator.
func (d *bed) bareWrites(ctx context.Context, url string, body map[string]any, n int) (time.Duration, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return 0, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.host.CA().Pool()}}
	defer transport.CloseIdleConnections()
	c := bareClient{http: &http.Client{Jar: jar, Transport: transport}, url: url, password: d.password}
	begun := time.Now()
	if err := c.send(ctx, http.MethodGet, "/api/authentication", nil); err != nil {
		return 0, err
	}
	if err := c.send(ctx, http.MethodPost, transactionPath, nil); err != nil {
		return 0, err
	}
	for i := range n {
		object := maps.Clone(body)
		object["name"] = fmt.Sprintf("bare-%05d", i)
		if err := c.send(ctx, http.MethodPost, configurationPath+policyCollection, object); err != nil {
			return 0, err
		}
	}
	err = c.send(ctx, http.MethodPut, transactionPath, map[string]string{"status": "commit"})
	return time.Since(begun), err
}

type bareClient struct {
	http          *http.Client
	url, password string
}

// send sends a request with a JSON body; nil means none.
func (c bareClient) send(ctx context.Context, method, path string, body any) error {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, &content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(account, c.password)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, response.Status, text)
	}
	return err
}
