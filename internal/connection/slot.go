// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// slot is what was built for one connection, and from what.
type slot[T any] struct {
	// mu admits one builder at a time.
	mu sync.Mutex
	// inputs are the versions of everything that was read, content is what mattered of it.
	inputs, content string
	value           T
	built           bool
	// lost is when the Secret or the CA that the value was built from was first missing; zero while they are there.
	lost time.Time
}

// current returns the value of the slot. If the inputs differ from those that it was made of, they are loaded, and if
// their content differs, too, the value is made anew and retire is given the old one.
func (s *slot[T]) current(
	inputs func() (string, error), load func() (content string, build func() (T, error), err error), retire func(T),
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
	}
	s.inputs, s.content, s.lost = versions, content, time.Time{}
	return s.value, nil
}

// peek returns what was built, unless somebody is building just now.
func (s *slot[T]) peek() (value T, built bool) {
	if !s.mu.TryLock() {
		return value, false
	}
	defer s.mu.Unlock()
	return s.value, s.built
}

func (s *slot[T]) close(end func(T) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.built {
		return nil
	}
	s.built = false
	return end(s.value)
}

// slotOf returns the slot of a connection, which is made if there is none.
func slotOf[T any](p *Pool, slots map[types.NamespacedName]*slot[T], name types.NamespacedName) (*slot[T], error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, notReady("the operator is stopping")
	}
	s, ok := slots[name]
	if !ok {
		s = &slot[T]{}
		slots[name] = s
	}
	return s, nil
}

// inputs are the versions of everything that a connection is built from.
func (p *Pool) inputs(ctx context.Context, c client.Object, sources []source) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%d", c.GetUID(), c.GetGeneration())
	for _, s := range sources {
		v, err := p.contents.version(ctx, s)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, " %x", v)
	}
	return b.String(), nil
}

// digest is a checksum of parts that may be secret; it never leaves the process.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
