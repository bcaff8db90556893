// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A batch whose commit was refused is divided: into one part for each tenant, so that the others are done with it, and
// the part of one tenant by halving, until a bad change is alone and gets the refusal. The parts wait in queues, the
// tenants take turns, and between two of them a batch of other tenants' new changes may be committed.
//
// A tree of halves has ceil(log2 n) levels below its root, and on each a bad change accounts for at most two commits:
// for b bad ones among the n of a tenant never more than 1 + 2*b*ceil(log2 n) in all. If everything beside a part is
// committed, the fault is in that part, which would be refused like all together: it is divided without trying it. But
// no change is refused by inference: a change that is left alone is always committed by itself.

const (
	// maxAlike is how many commits in a row are refused in the same words until all divisions end: a whole, its halves,
	// quarters and eighths.
	maxAlike = 1 + 2 + 4 + 8
	// maxDebt is how long refused commits of one tenant may hold the lock, beyond a tenth of the time. After that its
	// changes are suspects.
	maxDebt = 2 * time.Minute
)

// division is what is left to be tried of one tenant's changes.
type division[T Tx] struct {
	tenant string
	parts  []part[T]
}

// part is changes that were refused together with those beside them.
type part[T Tx] struct{ calls, beside []*call[T] }

// guilty reports whether a part need not be tried, because everything beside it is committed.
func (p part[T]) guilty() bool {
	return len(p.calls) > 1 && len(p.beside) > 0 && allCommitted(p.beside)
}

// triage is what refused commits have led to. The committer's mutex guards it.
type triage[T Tx] struct {
	divisions []*division[T]
	// alike is how many commits of the divisions were refused in the same words since the last one that was not.
	alike int
	words string
	debts map[string]debt
	// rest is the time before which no suspect is committed.
	rest time.Time
}

// divide puts calls whose commit was refused into the queues.
func (t *triage[T]) divide(calls []*call[T]) {
	if len(t.divisions) == 0 {
		t.alike = 0
	}
	of := map[string][]*call[T]{}
	for _, c := range calls {
		of[c.identity.Tenant] = append(of[c.identity.Tenant], c)
	}
	if len(of) == 1 {
		left, right := calls[:len(calls)/2], calls[len(calls)/2:]
		t.queue(part[T]{calls: left})
		t.queue(part[T]{calls: right, beside: left})
		return
	}
	parts := make([]part[T], 0, len(of))
	for tenant, theirs := range of {
		parts = append(parts, part[T]{calls: theirs, beside: slices.DeleteFunc(slices.Clone(calls), func(c *call[T]) bool {
			return c.identity.Tenant == tenant
		})})
	}
	slices.SortFunc(parts, func(a, b part[T]) int { // those who have little to do wait for few
		return cmp.Or(cmp.Compare(len(a.calls), len(b.calls)), a.calls[0].arrived.Compare(b.calls[0].arrived))
	})
	for _, p := range parts {
		t.queue(p)
	}
}

// queue adds a part to those of its tenant.
func (t *triage[T]) queue(p part[T]) {
	tenant := p.calls[0].identity.Tenant
	i := slices.IndexFunc(t.divisions, func(d *division[T]) bool { return d.tenant == tenant })
	if i < 0 {
		i, t.divisions = len(t.divisions), append(t.divisions, &division[T]{tenant: tenant})
	}
	t.divisions[i].parts = append(t.divisions[i].parts, p)
}

// next takes the calls of the part whose turn it is out of the queues; nil if there is none.
func (t *triage[T]) next() []*call[T] {
	for len(t.divisions) > 0 {
		d := t.divisions[0]
		t.divisions = t.divisions[1:]
		p := d.parts[0]
		if d.parts = d.parts[1:]; len(d.parts) > 0 {
			t.divisions = append(t.divisions, d)
		}
		if !p.guilty() {
			return p.calls
		}
		t.divide(p.calls)
	}
	return nil
}

// divides reports whether changes of a tenant are being divided.
func (t *triage[T]) divides(tenant string) bool {
	return slices.ContainsFunc(t.divisions, func(d *division[T]) bool { return d.tenant == tenant })
}

// drop takes the calls of some tenants out of the queues.
func (t *triage[T]) drop(of func(tenant string) bool) []*call[T] {
	var calls []*call[T]
	t.divisions = slices.DeleteFunc(t.divisions, func(d *division[T]) bool {
		if !of(d.tenant) {
			return false
		}
		for _, p := range d.parts {
			calls = append(calls, p.calls...)
		}
		return true
	})
	return calls
}

// dropAll takes all calls out of the queues.
func (t *triage[T]) dropAll() []*call[T] { return t.drop(func(string) bool { return true }) }

// refused counts a refused commit, and returns the calls for which the division ends with it: those of one tenant, or
// of all of them.
func (t *triage[T]) refused(calls []*call[T], refusal error, held time.Duration) (untried []*call[T], all bool) {
	if t.words != refusal.Error() {
		t.words, t.alike = refusal.Error(), 0
	}
	t.alike++
	tenant := calls[0].identity.Tenant
	oneTenant := !slices.ContainsFunc(calls, func(c *call[T]) bool { return c.identity.Tenant != tenant })
	if oneTenant {
		t.charge(tenant, held)
	}
	switch {
	case t.alike >= maxAlike && len(t.divisions) > 0:
		return t.dropAll(), true
	case oneTenant && t.indebted(tenant):
		return t.drop(func(other string) bool { return other == tenant }), false
	}
	return nil, false
}

// charge adds to the debt of a tenant how long its refused changes have held the lock.
func (t *triage[T]) charge(tenant string, held time.Duration) {
	now := time.Now()
	if t.debts == nil {
		t.debts = map[string]debt{}
	}
	maps.DeleteFunc(t.debts, func(_ string, d debt) bool { return d.at(now) == 0 })
	t.debts[tenant] = debt{t.debts[tenant].at(now) + held, now}
}

// indebted reports whether the changes of a tenant are suspects.
func (t *triage[T]) indebted(tenant string) bool { return t.debts[tenant].at(time.Now()) > maxDebt }

// debt is how long refused commits of a tenant had held the lock in excess at a time.
type debt struct {
	owed  time.Duration
	since time.Time
}

// at is the debt now: a tenth of the time pays it back.
func (d debt) at(now time.Time) time.Duration { return max(0, d.owed-now.Sub(d.since)/(restFactor+1)) }
