// SPDX-License-Identifier: Apache-2.0

// Package sessions is one NPS server as seen through one connection: its requests, at the connection's pace, and the
// poller that follows all of its sessions. It knows nothing of the cluster.
package sessions

import (
	"context"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/credential"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Server is an NPS server as seen through one connection.
type Server struct {
	// Breaker holds calls back while the server does not answer.
	Breaker *rest.Breaker
	// LogIns are the connection's log-ins.
	LogIns *credential.LogIns
	// Certificate is what the connection logs in with, if it is one.
	Certificate credential.Certificate

	client *nps.Client
	poller *Poller
	clock  *nps.Clock
	// memory and strangers are where its answers are counted, and what is kept of them.
	memory, strangers *rest.Share

	mu        sync.Mutex
	platforms map[string]nps.Platform
	// version is what the server answered at asked; empty if it gave no answer.
	version string
	asked   time.Time
	// address is where the server is, account the name that the client logs in with.
	address, account string
}

// ServerConfig is what a Server is made of.
type ServerConfig struct {
	// Client sends the requests; its breaker is Breaker, and its clock Clock.
	Client  *nps.Client
	Breaker *rest.Breaker
	Clock   *nps.Clock
	// Address is the canonical address, Account the name of the account.
	Address     string
	Account     string
	LogIns      *credential.LogIns
	Certificate credential.Certificate
	// Poller reads the sessions that are followed.
	Poller *Poller
	// Memory is where answers are counted, and Strangers where sessions are that no object follows; nil counts nothing.
	Memory, Strangers *rest.Share
}

// NewServer sends nothing.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Clock == nil {
		cfg.Clock = &nps.Clock{}
	}
	if cfg.Poller != nil {
		cfg.Poller.register.countIn(cfg.Strangers)
	}
	return &Server{
		Breaker: cfg.Breaker, LogIns: cfg.LogIns, Certificate: cfg.Certificate, client: cfg.Client, poller: cfg.Poller,
		memory: cfg.Memory, strangers: cfg.Strangers, clock: cfg.Clock, address: cfg.Address, account: cfg.Account,
		platforms: map[string]nps.Platform{},
	}
}

// Configure applies what a connection may change without another client: the intervals of polling, and how much memory,
// in bytes, its answers may take.
func (s *Server) Configure(starting, active time.Duration, maxMemory int64) {
	s.poller.pace(starting, active)
	s.memory.SetMax(maxMemory)
}

// Revoke stops reading sessions because the credentials are gone; cause is the error that followers get.
func (s *Server) Revoke(cause error) {
	s.Close()
	s.poller.Use(nil, cause)
}

// Close ends the client. The poller continues: it outlives a client that is replaced.
func (s *Server) Close() {
	s.client.Close()
	s.memory.Close()
	s.strangers.Close()
}

// Address is where the server is.
func (s *Server) Address() string { return s.address }

// Key identifies a session among those of all servers and accounts.
func (s *Server) Key(id string) string { return s.address + "\n" + s.account + "\n" + key(id) }

// Client sends requests to the server.
func (s *Server) Client() *nps.Client { return s.client }

// Version requests the server's version, which proves that it can be reached and that the credentials are accepted. An
// answer younger than maxAge is proof enough; for the key of an application, so is a sign-in.
func (s *Server) Version(ctx context.Context, maxAge time.Duration) (string, error) {
	s.mu.Lock()
	version, asked := s.version, s.asked
	s.mu.Unlock()
	if version != "" && time.Since(asked) < maxAge {
		return version, nil
	}
	version, err := s.client.Version(ctx)
	if err == nil {
		err = s.client.ProveCredentials(ctx, maxAge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version, s.asked = version, time.Now(); err != nil {
		s.version = "" // it is requested again next time
	}
	return version, err
}

// TokenExpiresAt is when the present token would expire; zero before the first sign-in.
func (s *Server) TokenExpiresAt() time.Time { return s.client.TokenExpiresAt() }

// Sighting is what the lists say about a session that is followed, not much older than an interval. ok is false if they
// do not have it: read the session then. An error is a *TroubleError, or the context's.
func (s *Server) Sighting(ctx context.Context, id string) (seen Sighting, ok bool, err error) {
	return s.poller.sighting(ctx, id)
}

// Read reads a session from the server.
func (s *Server) Read(ctx context.Context, id string) (nps.Session, error) {
	at := time.Now()
	session, err := s.client.Get(ctx, id)
	if err == nil {
		s.poller.register.read(id, session, at, false)
	}
	return session, err
}

// Create requests a session; see nps.Client.Create.
func (s *Server) Create(ctx context.Context, request nps.CreateRequest) (nps.Session, error) {
	at := time.Now()
	session, err := s.client.Create(ctx, request)
	if err == nil && session.Status != "" {
		s.poller.register.read(session.ID, session, at, false)
	}
	return session, err
}

// Copies are the sessions that have an object's request id and are not its session, each returned once.
func (s *Server) Copies(object types.NamespacedName) []string {
	return s.poller.register.takeCopies(object)
}

// maxPlatforms is how many platforms are remembered.
const maxPlatforms = 1000

// IsRDP reports whether a platform is reached by an RDP file. A custom platform counts as what it was copied from; if
// the server does not say, it is not RDP (docs/vendors/nps.md 7.3).
func (s *Server) IsRDP(ctx context.Context, platformID string) (bool, error) {
	if platformID == "" || nps.IsRDPPlatform(platformID) {
		return platformID != "", nil
	}
	s.mu.Lock()
	known, ok := s.platforms[platformID]
	s.mu.Unlock()
	if ok {
		return known.IsRDP(), nil
	}
	platform, err := s.client.Platform(ctx, platformID)
	if err != nil {
		if answer, ok := errors.AsType[*rest.Error](err); ok && answer.Status >= 400 && answer.Status < 500 {
			return false, nil // the endpoint is not documented; a server without it is no failure
		}
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.platforms) >= maxPlatforms { // there are a few dozen; a server that invents new ones is asked again
		clear(s.platforms)
	}
	s.platforms[platformID] = platform
	return platform.IsRDP(), nil
}

// ClockOffset is how far the server's clock is ahead of the local one, in the form of a status; nil if they agree
// within what can be measured.
func (s *Server) ClockOffset() *metav1.Duration {
	ahead, _ := s.clock.Ahead()
	if ahead = ahead.Round(time.Second); ahead.Abs() <= clockSlack {
		return nil
	}
	return &metav1.Duration{Duration: ahead}
}
