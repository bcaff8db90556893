// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Server is an NPS server as seen through one connection.
type Server struct {
	// Breaker holds calls back while the server does not answer.
	Breaker *rest.Breaker
	// LogIns are the connection's log-ins.
	LogIns *LogIns
	// Certificate is what the connection logs in with, if it is one.
	Certificate ClientCertificate

	client *nps.Client
	poller *poller
	memory *rest.Share
	clock  *nps.Clock

	mu        sync.Mutex
	platforms map[string]nps.Platform
	// version is the server's last answer, at asked; empty if it gave none.
	version string
	asked   time.Time
	// notes is what the server's answers have shown of notes.
	notes notes
	// address is where the server is.
	address string
}

func newServer(c *nps.Client, p *poller, b *rest.Breaker) *Server {
	return &Server{Breaker: b, client: c, poller: p, clock: &nps.Clock{}, platforms: map[string]nps.Platform{}}
}

func (s *Server) close() {
	s.client.Close()
	s.memory.Close()
}

// Address is where the server is.
func (s *Server) Address() string { return s.address }

// Client sends requests to the server.
func (s *Server) Client() *nps.Client { return s.client }

// Version asks the server for its version, which proves that it can be reached and that the credentials are accepted.
// An answer that is younger than maxAge is proof enough; so is, of the key of an application, a sign-in.
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
		s.version = "" // it is asked again at the next occasion
	}
	return version, err
}

// TokenExpiresAt is when the present token would expire; zero before the first sign-in.
func (s *Server) TokenExpiresAt() time.Time { return s.client.TokenExpiresAt() }

// Sighting is what the lists say of a session that is followed, not much older than an interval. ok is false where they
// do not tell: read the session then. An error is a *TroubleError, or the context's.
func (s *Server) Sighting(ctx context.Context, id string) (seen Sighting, ok bool, err error) {
	return s.poller.sighting(ctx, id)
}

// Read reads a session from the server.
func (s *Server) Read(ctx context.Context, id string) (nps.Session, error) {
	at := time.Now()
	session, err := s.client.Get(ctx, id)
	if err == nil {
		s.poller.roll.read(id, session, at, false)
	}
	return session, err
}

// Create asks for a session; see nps.Client.Create.
func (s *Server) Create(ctx context.Context, request nps.CreateRequest) (nps.Session, error) {
	at := time.Now()
	session, err := s.client.Create(ctx, request)
	if err == nil && session.Status != "" {
		s.Learn(request.Note, session.Note)
		s.poller.roll.read(session.ID, session, at, false)
	}
	return session, err
}

// Copies are the sessions that have an object's request id and are not its session, each of them once.
func (s *Server) Copies(object types.NamespacedName) []string {
	return s.poller.roll.takeCopies(object)
}

// maxPlatforms is how many platforms are remembered.
const maxPlatforms = 1000

// IsRDP says whether a platform is reached by an RDP file. A custom platform is what it was copied from; where the
// server does not tell, it is not RDP (nps contract 7.3).
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
	if len(s.platforms) >= maxPlatforms { // there are a few dozen; a server that makes up new ones is asked again
		clear(s.platforms)
	}
	s.platforms[platformID] = platform
	return platform.IsRDP(), nil
}
