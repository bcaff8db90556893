// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/policy"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Limits of status.notExported.
const (
	maxEntries    = 100
	maxNames      = 20
	maxNameShown  = 128
	maxFieldShown = 256
	maxReason     = 512
	// maxGroups bounds what is remembered: an appliance decides what its members are called.
	maxGroups = 10_000
)

// lacking gathers what an export lacks. Thousands of objects lack the same, so it is counted.
type lacking struct {
	groups map[group]*objects
	// whole counts the objects that are not exported, partly those that are exported in part.
	whole, partly int
	// dropped counts the groups that are not remembered.
	dropped int32
}

type group struct{ kind, field, reason string }

type objects struct {
	count int32
	names []string
	last  string
}

// add notes what an object lacks.
func (l *lacking) add(kind kinds.Kind, record sps.Record, missing []policy.Missing) {
	switch {
	case len(missing) == 0:
		return
	case missing[0].Field == "":
		l.whole++
	default:
		l.partly++
	}
	if l.groups == nil {
		l.groups = map[group]*objects{}
	}
	for _, m := range missing {
		at := group{kind.Name, withoutPositions(rest.Shorten(m.Field, maxFieldShown)), rest.Shorten(m.Reason, maxReason)}
		of, known := l.groups[at]
		if !known && len(l.groups) == maxGroups {
			l.dropped++
			continue
		}
		if !known {
			of = &objects{}
			l.groups[at] = of
		}
		of.note(record)
	}
}

func (o *objects) note(record sps.Record) {
	if o.last == record.Key { // the same field, twice in one object
		return
	}
	o.last = record.Key
	o.count++
	name := rest.Shorten(record.Name, maxNameShown)
	if name == "" {
		name = rest.Shorten("key "+record.Key, maxNameShown)
	}
	if len(o.names) < maxNames {
		o.names = append(o.names, name)
	}
}

// withoutPositions makes the elements of a list one field.
func withoutPositions(field string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(field, "[")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		_, field, _ = strings.Cut(rest, "]")
	}
}

// counts are how many objects are not exported, and how many are exported in part.
func (l *lacking) counts() (whole, partly int) { return l.whole, l.partly }

// entries are what the status lists: what is not exported at all first, then what most objects lack. more is how many
// entries it does not list; nil if it lists all.
func (l *lacking) entries() (listed []pamv1alpha1.NotExported, more *int32) {
	for at, of := range l.groups {
		listed = append(listed, pamv1alpha1.NotExported{
			Kind: pamv1alpha1.PolicyKind(at.kind), Field: at.field, Reason: at.reason, Count: &of.count, Names: of.names,
		})
	}
	slices.SortFunc(listed, func(a, b pamv1alpha1.NotExported) int {
		return cmp.Or(
			cmp.Compare(min(len(a.Field), 1), min(len(b.Field), 1)), cmp.Compare(*b.Count, *a.Count),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Reason, b.Reason),
		)
	})
	left := l.dropped
	if len(listed) > maxEntries {
		left += int32(len(listed) - maxEntries) //nolint:gosec // at most maxGroups
		listed = listed[:maxEntries]
	}
	if left > 0 {
		more = &left
	}
	return listed, more
}
