// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file is about reads that people ask for: they want to see what the appliance has now, whatever its config_hash
// says. Anyone who may annotate an object can ask, as often as they like, so what this costs the appliance is bounded:
// one reader at a time, whose read answers everyone who asked before it began, and pauses in between.

const (
	// freeLookups is how many objects may be read alone in a row, and lookupEvery after how long there may be one more.
	// Beyond that, one list answers everybody.
	freeLookups = 16
	lookupEvery = 4 * time.Second
	// restFactor is how many times as long as the last requested list took the appliance is spared before the next one,
	// at least minRest and at most maxRest.
	restFactor       = 4
	minRest, maxRest = time.Second, time.Minute
)

// requestedReads bounds what requested reads cost.
type requestedReads struct {
	lookups *rate.Limiter
	// nextList is when the next list on request may begin.
	nextList time.Time
	// confirmed is when it was last asked, on request, whether the configuration is still the same.
	confirmed time.Time
}

func newRequestedReads() requestedReads {
	return requestedReads{lookups: rate.NewLimiter(rate.Every(lookupEvery), freeLookups)}
}

// listed records a list on request that began at a time.
func (r *requestedReads) listed(began, now time.Time) {
	r.nextList = now.Add(min(max(restFactor*now.Sub(began), minRest), maxRest))
}

// ReadAgain makes sure that what the inventory shows of an object was read from the appliance after the moment at which
// somebody asked for that. The key is that of the object as last known; it may be empty. If too much was read on
// request lately, nothing is read: ask again after the time that is returned; it is 0 if the object was read.
func (i *Inventory) ReadAgain(
	ctx context.Context, collection sps.Collection, key string, asked time.Time,
) (after time.Duration, err error) {
	if i.readSince(collection, key, asked) {
		return 0, nil
	}
	done, err := i.reading.Enter(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	for range readAttempts {
		if i.readSince(collection, key, asked) { // perhaps by another caller, meanwhile
			return 0, nil
		}
		if err := i.confirmConfiguration(ctx, asked); err != nil {
			return 0, err
		}
		if after, err := i.readOnRequest(ctx, collection, key); err != nil || after > 0 {
			return after, err
		}
	}
	return minRest, nil // our own commits keep changing it
}

// readOnRequest reads an object alone if that is possible and cheaper, and else its collection. The caller has entered
// the gate for lists.
func (i *Inventory) readOnRequest(
	ctx context.Context, collection sps.Collection, key string,
) (after time.Duration, err error) {
	if i.lookupIsCheaper(collection, key) {
		return 0, i.reload(ctx, collection, key)
	}
	now := time.Now()
	i.mu.Lock()
	_, cached := i.collections[collection]
	next := i.requested.nextList
	i.mu.Unlock()
	if cached && now.Before(next) { // what is not cached has to be read anyway
		return next.Sub(now), nil
	}
	cause := Requested
	if !cached {
		cause = i.missingBecause()
	}
	_, err = i.readList(ctx, collection, cause)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requested.listed(now, time.Now())
	return 0, err
}

// lookupIsCheaper reports whether an object is read alone. Without a config_hash nobody would notice that another
// object has its name now.
func (i *Inventory) lookupIsCheaper(collection sps.Collection, key string) bool {
	i.mu.Lock()
	s, cached := i.collections[collection]
	possible := cached && i.hash != "" && s.has(key)
	i.mu.Unlock()
	return possible && (!i.reader.ListsBodies(collection) || i.requested.lookups.Allow())
}

// ReadAllAgain is ReadAgain for every collection that the inventory has.
func (i *Inventory) ReadAllAgain(ctx context.Context, asked time.Time) (after time.Duration, err error) {
	done, err := i.reading.Enter(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	i.mu.Lock()
	known := slices.Sorted(maps.Keys(i.collections))
	now, next := time.Now(), i.requested.nextList
	i.mu.Unlock()
	known = slices.DeleteFunc(known, func(c sps.Collection) bool { return i.readSince(c, "", asked) })
	if len(known) > 0 && now.Before(next) {
		return next.Sub(now), nil
	}
	if err := i.confirmConfiguration(ctx, asked); err != nil {
		return 0, err
	}
	for _, collection := range known {
		if _, err := i.readList(ctx, collection, Requested); err != nil {
			return 0, err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requested.listed(now, time.Now())
	return 0, nil
}

// readSince reports whether what the inventory shows of an object, or without a key of the whole collection, was read
// after a moment.
func (i *Inventory) readSince(collection sps.Collection, key string, moment time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	s, cached := i.collections[collection]
	return cached && (s.readAt.After(moment) || s.lookedUp[key].After(moment))
}

// confirmConfiguration discards the inventory if the appliance has another configuration by now, unless that was asked
// after a moment. The next Check reports it.
func (i *Inventory) confirmConfiguration(ctx context.Context, moment time.Time) error {
	i.mu.Lock()
	known := i.requested.confirmed.After(moment)
	i.mu.Unlock()
	if known {
		return nil
	}
	began := time.Now()
	info, err := i.reader.Info(ctx)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requested.confirmed = began
	if is := configurationOf(info); is != "" && is != i.hash && !i.committing {
		i.configurationChanged = i.configurationChanged || i.hash != ""
		i.clear(is, Moved)
	}
	return nil
}

// readList reads a collection, unless it was too large lately. The caller has entered the gate for lists.
func (i *Inventory) readList(ctx context.Context, collection sps.Collection, cause Cause) (*Listing, error) {
	if err := i.tooLarge(collection); err != nil {
		return nil, err
	}
	listing, err := i.list(ctx, collection, cause)
	if rest.IsTooLarge(err) || errors.Is(err, rest.ErrBudget) {
		i.markTooLarge(collection, err)
	}
	return listing, err
}
