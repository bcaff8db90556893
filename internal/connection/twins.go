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
)

// This file finds out which connections lead to one appliance under several addresses. No single fact proves it: names
// are the same on all appliances that nobody has named, certificates are shared and copied, and a config_hash is that
// of a backup on each appliance that was restored from it. What proves it is that two of them show the same
// configuration under the same name, and go on doing so when it changes. Against it one moment of difference is enough.

// twins is what is known of pairs of addresses. It is safe for concurrent use; its zero value knows nothing. It ends
// with the process, and holds a few words for each pair that was ever compared.
type twins struct {
	mu    sync.Mutex
	pairs map[[2]string]couple
}

// couple is what is known of two addresses.
type couple struct {
	// shown is the first configuration in which they were equal.
	shown string
	// together says that they were equal in another one after that.
	together bool
	// apart says that they were seen to differ while the first of them did not change: they are two appliances.
	apart bool
	// silent is until when the two are not compared again for an object, because one of them did not answer.
	silent time.Time
}

// maxCouples bounds what is remembered. It is more than connections of one installation make.
const maxCouples = 10000

func coupleOf(a, b string) [2]string {
	if b < a {
		a, b = b, a
	}
	return [2]string{a, b}
}

// are says what is known of two addresses.
func (t *twins) are(a, b string) (together, apart bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.pairs[coupleOf(a, b)]
	return c.together && !c.apart, c.apart
}

// worthwhile says that to compare two addresses in a configuration could tell something new.
func (t *twins) worthwhile(a, b, configuration string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.pairs[coupleOf(a, b)]
	return !c.together && !c.apart && c.shown != configuration
}

// likeness is what one comparison came to.
type likeness int

const (
	undecided likeness = iota
	alike
	different
)

// note takes a comparison over.
func (t *twins) note(a, b, configuration string, l likeness) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pairs == nil || len(t.pairs) >= maxCouples {
		t.pairs = map[[2]string]couple{}
	}
	c := t.pairs[coupleOf(a, b)]
	switch {
	case l == different:
		c.apart = true
	case l != alike:
	case c.shown == "":
		c.shown = configuration
	case c.shown != configuration:
		c.together = true
	}
	t.pairs[coupleOf(a, b)] = c
}

// silence is for how long an appliance that did not answer when it was compared is not asked again for an object.
// Whoever runs it is not to hold up the objects of others, who had nothing to do with it.
const silence = time.Minute

// fell notes that one of two addresses did not answer.
func (t *twins) fell(a, b string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pairs == nil || len(t.pairs) >= maxCouples {
		t.pairs = map[[2]string]couple{}
	}
	c := t.pairs[coupleOf(a, b)]
	c.silent = time.Now().Add(silence)
	t.pairs[coupleOf(a, b)] = c
}

func (t *twins) isSilent(a, b string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.pairs[coupleOf(a, b)].silent)
}

// sight is what an appliance shows of itself at one moment.
type sight struct{ self, configuration string }

// compare judges what two appliances showed. The first was asked before and after the second, so that a change in
// between is told from a difference.
func compare(before, other, after sight) likeness {
	switch {
	case before.self == after.self && otherKey(before.self, other.self):
		return different
	case before.configuration == "" || other.configuration == "" || before.self == "" || other.self == "":
		return undecided // an appliance without a config_hash cannot be told from others
	case before != after:
		return undecided
	case before != other:
		return different
	}
	return alike
}

// otherKey says that two appliances have shown certificates of different keys. That tells them apart also where they
// do not say in which configuration they are.
func otherKey(a, b string) bool {
	aKey, _, _ := strings.Cut(a, " ")
	bKey, _, _ := strings.Cut(b, " ")
	return aKey != "" && bKey != "" && aKey != bKey
}

// look asks an appliance for what it shows of itself.
func (a *Appliance) look(ctx context.Context) (sight, error) {
	info, err := a.client.Info(ctx)
	return sight{self: info.Self, configuration: configurationOf(info)}, err
}

// lookAgain is how often two appliances are compared in the hope that nothing changes meanwhile.
const lookAgain = 3

// compared compares two appliances now.
func (p *Pool) compared(ctx context.Context, a, b *Appliance) (likeness, error) {
	for range lookAgain {
		before, err := a.look(ctx)
		if err != nil {
			return undecided, err
		}
		other, err := b.look(ctx)
		if err != nil {
			return undecided, err
		}
		after, err := a.look(ctx)
		if err != nil {
			return undecided, err
		}
		if l := compare(before, other, after); l != undecided {
			p.twins.note(a.URL, b.URL, before.configuration, l)
			return l, nil
		}
	}
	return undecided, nil
}

// IsSame says whether an appliance is the one that another address leads to, for somebody who has seen on it, under
// the name of an object, the key that this object was given at the other address. Such a key is made up by an appliance
// and is on no other one, except for one that was restored from the same backup: until the two differ in anything else,
// nobody can tell them apart.
func (p *Pool) IsSame(ctx context.Context, a *Appliance, url string) (bool, error) {
	if a.URL == url {
		return true, nil
	}
	together, apart := p.twins.are(a.URL, url)
	if apart {
		return false, nil
	}
	other, known, err := p.leadingTo(ctx, url)
	switch {
	case err != nil || together && other == nil:
		return together, err
	case other == nil && known:
		return false, ErrUndecided
	case other == nil:
		return false, nil
	}
	l := undecided
	if !p.twins.isSilent(a.URL, url) {
		l = p.comparedSoon(ctx, a, other)
	}
	if l == undecided && !together {
		return false, ErrUndecided
	}
	return l != different, ctx.Err()
}

// comparisonTimeout is how long the object of one connection waits for the appliances of others.
const comparisonTimeout = 5 * time.Second

// comparedSoon compares two appliances. What goes wrong with either is not told to the object that waits: one of them
// is somebody else's, and its own is told of by the call that the object needs.
func (p *Pool) comparedSoon(ctx context.Context, a, b *Appliance) likeness {
	short, cancel := context.WithTimeout(ctx, comparisonTimeout)
	defer cancel()
	l, err := p.compared(short, a, b)
	if err != nil && ctx.Err() == nil {
		p.twins.fell(a.URL, b.URL)
	}
	return l
}

// ErrUndecided says that nobody can tell now whether two connections lead to one appliance.
var ErrUndecided = errors.New(
	"another connection may lead to the same appliance, which cannot be told while that one is not ready")

// leadingTo returns an appliance of a ready connection to an address, nil if there is none; known says that there are
// connections.
func (p *Pool) leadingTo(ctx context.Context, url string) (a *Appliance, known bool, err error) {
	var list pamv1alpha1.SPSConnectionList
	if err := p.cfg.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, false, err
	}
	for i := range list.Items {
		c := &list.Items[i]
		if CanonicalURL(c.Spec.URL) != url {
			continue
		}
		known = true
		if ready(c, c.Namespace, c.Status.Conditions, c.Status.ObservedGeneration) != nil {
			continue
		}
		if a, err := p.Connect(ctx, c); err == nil {
			return a, true, nil
		}
	}
	return nil, known, nil
}

// maxComparisons is how many appliances one is compared with at a time: a hundred that were just installed all show the
// same.
const maxComparisons = 2

// Recognise compares an appliance, which was just asked, with those at other addresses that showed the same when they
// were last asked. It returns the addresses of those that are known to be the same appliance.
func (p *Pool) Recognise(ctx context.Context, a *Appliance) []string {
	shown, _ := a.Inventory.showing()
	if shown == "" {
		return nil
	}
	var same []string
	comparisons := 0
	for _, other := range p.others(a.URL) {
		now, _ := other.Inventory.showing()
		if now == shown && comparisons < maxComparisons && p.twins.worthwhile(a.URL, other.URL, shown) {
			comparisons++
			_, _ = p.compared(ctx, a, other) // one that does not answer is compared another time
		}
		if together, _ := p.twins.are(a.URL, other.URL); together && !slices.Contains(same, other.URL) {
			same = append(same, other.URL)
		}
	}
	slices.Sort(same)
	return same
}

// SameAs returns the other addresses that are known to lead to the same appliance. Nothing is sent.
func (p *Pool) SameAs(url string) []string {
	var same []string
	for _, other := range p.others(url) {
		if together, _ := p.twins.are(url, other.URL); together && !slices.Contains(same, other.URL) {
			same = append(same, other.URL)
		}
	}
	slices.Sort(same)
	return same
}

// others are the appliances that were built, one for each other address.
func (p *Pool) others(url string) []*Appliance {
	p.mu.Lock()
	slots := make([]*slot[*Appliance], 0, len(p.appliances))
	for _, s := range p.appliances {
		slots = append(slots, s)
	}
	p.mu.Unlock()
	var out []*Appliance
	for _, s := range slots {
		if a, built := s.peek(); built && a.URL != url {
			out = append(out, a)
		}
	}
	return out
}
