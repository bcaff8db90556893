// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
)

// This file finds out which connections reach the same appliance under several addresses. No single fact proves it: all
// unnamed appliances have the same name, certificates are shared and copied, and a config_hash comes back with every
// backup. The proof is that two addresses show the same configuration under the same name, and still do after it has
// changed. One moment of difference disproves it.

// sameAppliance is what is known about pairs of addresses. It is safe for concurrent use; its zero value knows nothing.
// It ends with the process, and holds a few words for each pair that was ever compared.
type sameAppliance struct {
	mu     sync.Mutex
	pairs  map[addressPair]evidence
	paused map[comparisons]time.Time
}

// addressPair is two addresses in lexical order.
type addressPair [2]string

func pairOf(a, b string) addressPair {
	if b < a {
		a, b = b, a
	}
	return addressPair{a, b}
}

// evidence is what is known about two addresses.
type evidence struct {
	// equalIn is the first configuration in which they were equal.
	equalIn string
	// same says that they were equal in another configuration after that.
	same bool
	// different says that they differed at a moment when the first of them did not change: they are two appliances.
	different bool
}

// comparisons are those of the appliance at an address with the appliances of the connections in a namespace.
type comparisons struct{ address, namespace string }

// maxPairs bounds the memory. It is more than the connections of one installation make.
const maxPairs = 10000

// known returns what is known about two addresses.
func (s *sameAppliance) known(a, b string) (same, different bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.pairs[pairOf(a, b)]
	return e.same && !e.different, e.different
}

// isWorthComparing reports whether comparing two addresses in a configuration could reveal something new.
func (s *sameAppliance) isWorthComparing(a, b, configuration string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.pairs[pairOf(a, b)]
	return !e.same && !e.different && e.equalIn != configuration
}

// comparison is the result of one comparison.
type comparison int

const (
	undecided comparison = iota
	equal
	unequal
)

// record adds the result of a comparison to the evidence.
func (s *sameAppliance) record(a, b, configuration string, result comparison) {
	s.update(a, b, func(e *evidence) {
		switch {
		case result == unequal:
			e.different = true
		case result != equal:
		case e.equalIn == "":
			e.equalIn = configuration
		case e.equalIn != configuration:
			e.same = true
		}
	})
}

// comparisonPause is how long an appliance is not compared with those of a namespace after one of them did not answer.
// Their owner must not be able to delay unrelated objects, by any number of addresses.
const comparisonPause = time.Minute

// pause notes that the appliance at an address could not be compared with one of a namespace.
func (s *sameAppliance) pause(of comparisons) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused == nil || len(s.paused) >= maxPairs {
		s.paused = map[comparisons]time.Time{}
	}
	s.paused[of] = time.Now().Add(comparisonPause)
}

func (s *sameAppliance) isPaused(of comparisons) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.paused[of])
}

func (s *sameAppliance) update(a, b string, change func(*evidence)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pairs == nil || len(s.pairs) >= maxPairs {
		s.pairs = map[addressPair]evidence{}
	}
	e := s.pairs[pairOf(a, b)]
	change(&e)
	s.pairs[pairOf(a, b)] = e
}

// compare judges what two appliances showed. The first is asked before and after the second, so that a change in
// between is not mistaken for a difference.
func compare(before, other, after appliance.Fingerprint) comparison {
	switch {
	case before.Self == after.Self && keysDiffer(before.Self, other.Self):
		return unequal
	case before.Configuration == "" || other.Configuration == "" || before.Self == "" || other.Self == "":
		return undecided // without a config_hash, an appliance cannot be distinguished from others
	case before != after:
		return undecided
	case before != other:
		return unequal
	}
	return equal
}

// keysDiffer reports whether two appliances have shown certificates with different keys. That distinguishes them even
// if they do not report their configuration.
func keysDiffer(a, b string) bool {
	aKey, _, _ := strings.Cut(a, " ")
	bKey, _, _ := strings.Cut(b, " ")
	return aKey != "" && bKey != "" && aKey != bKey
}

// comparisonAttempts is how often a comparison is tried until the configuration does not change during it.
const comparisonAttempts = 3

// compareNow compares two appliances and records the result.
func (p *Pool) compareNow(ctx context.Context, a, b *appliance.Appliance) (comparison, error) {
	for range comparisonAttempts {
		before, err := a.Fingerprint(ctx)
		if err != nil {
			return undecided, err
		}
		other, err := b.Fingerprint(ctx)
		if err != nil {
			return undecided, err
		}
		after, err := a.Fingerprint(ctx)
		if err != nil {
			return undecided, err
		}
		if result := compare(before, other, after); result != undecided {
			p.same.record(a.URL, b.URL, before.Configuration, result)
			return result, nil
		}
	}
	return undecided, nil
}

// IsSame reports whether an appliance is the one at another address. The caller has seen on it, under an object's name,
// the key that the object was given at that address. An appliance generates such keys, so no other appliance has it,
// except one that was restored from the same backup: until the two differ in something else, they are
// indistinguishable. The error is ErrUndecided if the question cannot be answered now.
func (p *Pool) IsSame(ctx context.Context, a *appliance.Appliance, url string) (bool, error) {
	if a.URL == url {
		return true, nil
	}
	same, different := p.same.known(a.URL, url)
	if different {
		return false, nil
	}
	other, known, err := p.applianceAt(ctx, url, a.URL)
	switch {
	case err != nil || same && other.Appliance == nil:
		return same, err
	case other.Appliance == nil && known:
		return false, ErrUndecided
	case other.Appliance == nil:
		return false, nil
	}
	result := p.compareBriefly(ctx, a, other)
	if result == undecided && !same {
		return false, ErrUndecided
	}
	return result != unequal, ctx.Err()
}

// comparisonTimeout is how long an object, or the probe, of one connection waits for the appliances of others.
const comparisonTimeout = 5 * time.Second

// compareBriefly is compareNow within comparisonTimeout. Whoever waits does not see the errors: one appliance
// belongs to another user, and the other one's errors show up in the object's own calls.
func (p *Pool) compareBriefly(ctx context.Context, a *appliance.Appliance, b owned) comparison {
	short, cancel := context.WithTimeout(ctx, comparisonTimeout)
	defer cancel()
	result, err := p.compareNow(short, a, b.Appliance)
	if err != nil && ctx.Err() == nil {
		p.same.pause(comparisons{a.URL, b.namespace})
	}
	return result
}

// ErrUndecided means that it is not known now whether two connections reach the same appliance.
var ErrUndecided = errors.New(
	"another connection may lead to the same appliance, which cannot be decided while that one is not ready")

// owned is an appliance, and the namespace of the connection that it is reached through.
type owned struct {
	*appliance.Appliance

	namespace string
}

// applianceAt returns the appliance of a ready connection to an address that the one at another address may be compared
// with now; without an appliance if there is none. known reports whether there is any connection to it.
func (p *Pool) applianceAt(ctx context.Context, url, comparedWith string) (a owned, known bool, err error) {
	var list pamv1alpha1.SPSConnectionList
	if err := p.cfg.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return owned{}, false, err
	}
	for i := range list.Items {
		c := &list.Items[i]
		if CanonicalURL(c.Spec.URL) != url {
			continue
		}
		known = true
		if ready(c, c.Namespace, c.Status.Conditions, c.Status.ObservedGeneration) != nil ||
			p.same.isPaused(comparisons{comparedWith, c.Namespace}) {
			continue
		}
		if a, err := p.Connect(ctx, c); err == nil {
			return owned{a, c.Namespace}, true, nil
		}
	}
	return owned{}, known, nil
}

// maxComparisons is how many appliances one appliance is compared with at a time: a hundred fresh installations all
// show the same configuration.
const maxComparisons = 2

// Recognise compares an appliance, which was just probed, with those at other addresses that last showed the same
// configuration. It returns the other addresses that are known to reach the same appliance.
func (p *Pool) Recognise(ctx context.Context, a *appliance.Appliance) []string {
	shown, _ := a.Inventory.Configuration()
	if shown == "" {
		return nil
	}
	compared := 0
	for _, other := range p.others(a.URL) {
		now, _ := other.Inventory.Configuration()
		if now == shown && compared < maxComparisons && p.same.isWorthComparing(a.URL, other.URL, shown) &&
			!p.same.isPaused(comparisons{a.URL, other.namespace}) {
			compared++
			p.compareBriefly(ctx, a, other) // one that does not answer is compared another time
		}
	}
	return p.SameAs(a.URL)
}

// SameAs returns the other addresses that are known to reach the same appliance. It sends nothing.
func (p *Pool) SameAs(url string) []string {
	var out []string
	for _, other := range p.others(url) {
		if same, _ := p.same.known(url, other.URL); same && !slices.Contains(out, other.URL) {
			out = append(out, other.URL)
		}
	}
	slices.Sort(out)
	return out
}

// others returns the appliances that were built for other addresses.
func (p *Pool) others(url string) []owned {
	p.mu.Lock()
	all := make(map[string][]*cached[*appliance.Appliance], len(p.appliances))
	for name, s := range p.appliances {
		all[name.Namespace] = append(all[name.Namespace], s)
	}
	p.mu.Unlock()
	var out []owned
	for namespace, in := range all {
		for _, s := range in {
			if a, built := s.peek(); built && a.URL != url {
				out = append(out, owned{a, namespace})
			}
		}
	}
	return out
}
