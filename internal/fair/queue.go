// SPDX-License-Identifier: Apache-2.0

// Package fair shares what there is too little of among tenants.
package fair

import "slices"

// Queue hands out what waits in it: one of each tenant in turn, and what one tenant has in the order of arrival. So
// whoever comes waits for one of each other tenant, however much they have waiting. Its zero value is empty. It is not
// safe for concurrent use.
type Queue[T comparable] struct {
	waiting map[string][]T
	// turns are the tenants that have something waiting, the next one first.
	turns []string
}

// Push adds what a tenant has waiting.
func (q *Queue[T]) Push(tenant string, v T) {
	if q.waiting == nil {
		q.waiting = map[string][]T{}
	}
	if len(q.waiting[tenant]) == 0 {
		q.turns = append(q.turns, tenant)
	}
	q.waiting[tenant] = append(q.waiting[tenant], v)
}

// Empty reports whether nothing waits.
func (q *Queue[T]) Empty() bool { return len(q.turns) == 0 }

// First is what Pop would return.
func (q *Queue[T]) First() (v T, ok bool) {
	if q.Empty() {
		return v, false
	}
	return q.waiting[q.turns[0]][0], true
}

// Pop removes what is next, and gives the turn to the next tenant.
func (q *Queue[T]) Pop() (v T, ok bool) {
	v, ok = q.First()
	if ok {
		tenant := q.turns[0]
		q.turns = append(q.turns[1:], tenant)
		q.Remove(tenant, v)
	}
	return v, ok
}

// Remove removes what a tenant no longer waits for, and reports whether it was there.
func (q *Queue[T]) Remove(tenant string, v T) bool {
	i := slices.Index(q.waiting[tenant], v)
	if i < 0 {
		return false
	}
	q.waiting[tenant] = slices.Delete(q.waiting[tenant], i, i+1)
	if len(q.waiting[tenant]) == 0 {
		delete(q.waiting, tenant)
		at := slices.Index(q.turns, tenant)
		q.turns = slices.Delete(q.turns, at, at+1)
	}
	return true
}
