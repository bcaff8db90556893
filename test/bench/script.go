// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"time"
)

// script is the one in the vendor's documentation: sign in, create one session, poll it until it is active, and fetch
// its RDP file or SSH URL (nps contract 1, 4, 5 and 7). It shares no code with the operator.
type script struct {
	http     *http.Client
	url      string
	interval time.Duration
}

// Platforms with an RDP file (nps contract 7.1).
const (
	platformWindows         = "d07c4352-ea1a-44a2-8fe8-6f198ec1119f"
	platformActiveDirectory = "d6a07d9c-4b2e-4430-8c5b-401724dce933"
)

// Status numbers (nps contract 6.1): below active, a session has yet to begin.
const scriptActive = 1

// scriptSession is the part of a session that the script reads.
type scriptSession struct {
	ID              string `json:"id"`
	Status          int    `json:"status"`
	ManagedResource struct {
		PlatformID string `json:"platformId"`
	} `json:"managedResource"`
}

// scriptTransport is shared by all runs of the script, which is easier on the server than separate processes would be.
func scriptTransport(pool *x509.CertPool) *http.Transport {
	return &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, ForceAttemptHTTP2: true,
	}
}

func newScript(transport http.RoundTripper, url string, interval time.Duration) (*script, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &script{http: &http.Client{Jar: jar, Transport: transport}, url: url, interval: interval}, nil
}

// run runs the script once. It returns the active session, and when its connection data was available.
func (s *script) run(ctx context.Context, login, password, activity, resource string) (string, time.Time, error) {
	token, err := s.signIn(ctx, login, password)
	if err != nil {
		return "", time.Time{}, err
	}
	x := scriptSession{}
	if err := s.call(ctx, http.MethodPost, sessionPath, token, map[string]string{
		"ManagedResourceName": resource, "ActivityName": activity,
	}, &x); err != nil {
		return "", time.Time{}, err
	}
	for x.Status < scriptActive {
		if err := pause(ctx, s.interval); err != nil {
			return "", time.Time{}, err
		}
		if err := s.call(ctx, http.MethodGet, sessionPath+"/"+x.ID, token, nil, &x); err != nil {
			return "", time.Time{}, err
		}
	}
	if x.Status != scriptActive {
		return "", time.Time{}, fmt.Errorf("session %s is in state %d", x.ID, x.Status)
	}
	kind, data := "Ssh", ""
	if p := strings.ToLower(x.ManagedResource.PlatformID); p == platformWindows || p == platformActiveDirectory {
		kind = "Rdp"
	}
	err = s.call(ctx, http.MethodGet, sessionPath+"/"+kind+"/"+x.ID, token, nil, &data)
	return x.ID, time.Now(), err
}

// signIn completes both stages. A user who needs no second factor sends any text as the code.
func (s *script) signIn(ctx context.Context, login, password string) (token string, err error) {
	if err := s.call(ctx, http.MethodPost, "/signinBody", "", map[string]string{
		"Login": login, "Password": password,
	}, &token); err != nil {
		return "", err
	}
	return token, s.call(ctx, http.MethodPost, "/signin2fa", token, "NA", &token)
}

func (s *script) call(ctx context.Context, method, path, token string, body, into any) error {
	request, err := newRequest(ctx, method, s.url+path, body)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	text, err := exchange(s.http, request)
	if err != nil {
		return fmt.Errorf("script: %w", err)
	}
	return json.Unmarshal(text, into)
}

// pause lets time pass, as the script does.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
