// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// Server is an NPS server as seen through one connection.
type Server struct {
	client *nps.Client

	mu        sync.Mutex
	platforms map[string]nps.Platform
	// version is the server's last answer, at asked; empty if it gave none.
	version string
	asked   time.Time
}

func newServer(c *nps.Client) *Server {
	return &Server{client: c, platforms: map[string]nps.Platform{}}
}

// Client sends requests to the server.
func (s *Server) Client() *nps.Client { return s.client }

// Version asks the server for its version, which proves that it can be reached and that the credentials are accepted.
// An answer that is younger than maxAge is proof enough.
func (s *Server) Version(ctx context.Context, maxAge time.Duration) (string, error) {
	s.mu.Lock()
	version, asked := s.version, s.asked
	s.mu.Unlock()
	if version != "" && time.Since(asked) < maxAge {
		return version, nil
	}
	version, err := s.client.Version(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version, s.asked = version, time.Now()
	return version, err
}

// TokenExpiresAt is when the present token would expire; zero before the first sign-in.
func (s *Server) TokenExpiresAt() time.Time { return s.client.TokenExpiresAt() }

// everyStatus are the lists that together hold every session of the caller (nps contract 5), in the order of a
// session's life: one that moves on while they are read is met again in a later list.
var everyStatus = []nps.StatusFilter{
	nps.FilterApprovalRequired, nps.FilterPending, nps.FilterActive,
	nps.FilterCancelling, nps.FilterHistorical,
}

// FindByNote returns the caller's sessions, in every status, whose note ends with the word. A list that fails makes the
// whole search fail: half a search proves nothing.
func (s *Server) FindByNote(ctx context.Context, word string) ([]nps.Summary, error) {
	var found []nps.Summary
	for _, status := range everyStatus {
		// The filter is the server's and only narrows; the comparison below decides.
		summaries, err := s.client.ListMine(ctx, status, word)
		if err != nil {
			return nil, err
		}
		for _, summary := range summaries {
			known := slices.ContainsFunc(found, func(o nps.Summary) bool { return o.ID == summary.ID })
			if !known && lastWord(summary.Note) == word {
				found = append(found, summary)
			}
		}
	}
	return found, nil
}

// lastWord is where the operator writes; what comes before it is written by whoever asked for the session, and may be
// anything.
func lastWord(note string) string {
	words := strings.Fields(note)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

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
	s.platforms[platformID] = platform
	return platform.IsRDP(), nil
}
