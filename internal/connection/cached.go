// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/appliance"
)

// cached is the client that was built for one connection, and what it was built from.
type cached[T any] struct {
	// mu admits one builder at a time.
	mu sync.Mutex
	// uid is the connection object that the value was built for; another object may later have the same name.
	uid types.UID
	// inputs are the versions of everything that was read, content is a digest of what mattered in it.
	inputs, content string
	value           T
	built           bool
	// shown is the value, for those who do not wait for a builder; nil if there is none.
	shown atomic.Pointer[T]
	// lost is when the Secret or CA that the value was built from was first found missing; zero while they exist.
	lost time.Time
}

// current returns the value. If the inputs differ from those that it was built from, they are loaded, and if their
// content differs, too, the value is rebuilt and retire is given the old one.
func (s *cached[T]) current(
	uid types.UID, inputs func() (string, error), load func() (content string, build func() (T, error), err error),
	retire func(T),
) (value T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions, err := inputs()
	if err != nil {
		return value, err
	}
	if s.built && s.inputs == versions {
		s.lost = time.Time{}
		return s.value, nil
	}
	content, build, err := load()
	if err != nil {
		return value, err
	}
	if !s.built || s.content != content {
		fresh, err := build()
		if err != nil {
			return value, err
		}
		if s.built {
			retire(s.value)
		}
		s.value, s.built = fresh, true
		s.shown.Store(&fresh)
	}
	s.uid, s.inputs, s.content, s.lost = uid, versions, content, time.Time{}
	return s.value, nil
}

// builtFor returns the value that was built for a connection object, if there is one. s may be nil.
func (s *cached[T]) builtFor(uid types.UID) (value T, ok bool) {
	if s == nil {
		return value, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.built || s.uid != uid {
		return value, false
	}
	return s.value, true
}

// latest returns the value, even while its successor is being built.
func (s *cached[T]) latest() (value T, built bool) {
	if shown := s.shown.Load(); shown != nil {
		return *shown, true
	}
	return value, false
}

// peek returns the value, unless it is being built right now.
func (s *cached[T]) peek() (value T, built bool) {
	if !s.mu.TryLock() {
		return value, false
	}
	defer s.mu.Unlock()
	return s.value, s.built
}

func (s *cached[T]) close(end func(T) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.built {
		return nil
	}
	s.built = false
	s.shown.Store(nil)
	return end(s.value)
}

// errStopping refuses to build clients after Close.
var errStopping = notReady("the operator is stopping")

// applianceFor returns the cached appliance of an SPSConnection, and makes an empty one if there is none.
func (p *Pool) applianceFor(name types.NamespacedName) (*cached[*appliance.Appliance], error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errStopping
	}
	s, ok := p.appliances[name]
	if !ok {
		s = &cached[*appliance.Appliance]{}
		p.appliances[name] = s
	}
	return s, nil
}

// inputs are the versions of everything that the client of a connection is built from.
func (p *Pool) inputs(ctx context.Context, c client.Object, sources []source) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%d", c.GetUID(), c.GetGeneration()) // another object, or another spec
	for _, s := range sources {
		v, err := p.contents.version(ctx, s)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, " %x", v)
	}
	return b.String(), nil
}

// digest is a checksum of its parts. If one of them is secret, the checksum must not leave the process.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
