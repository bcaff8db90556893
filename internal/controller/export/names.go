// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// existing are the objects of one kind that the target namespace has already: their names by what they name on the
// appliance, and the names that something else has.
type existing struct {
	names map[string]string
	taken map[string]bool
}

// existingIn reads the objects of a namespace. In one that the manager does not see there may be any.
func (r *reconciler) existingIn(
	ctx context.Context, namespace string, kind kinds.Kind, through types.NamespacedName,
) (existing, error) {
	out := existing{names: map[string]string{}, taken: map[string]bool{}}
	if len(r.Namespaces) > 0 && !slices.Contains(r.Namespaces, namespace) {
		return out, nil
	}
	list := kind.NewList()
	if err := r.Client.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return out, err
	}
	return out, meta.EachListItem(list, func(o runtime.Object) error {
		obj, ok := o.(kinds.PolicyObject)
		if !ok {
			return loop.Impossible("a %T is not a policy object", o)
		}
		out.taken[obj.GetName()] = true
		if connection.Target(obj.Connection(), namespace) == through {
			out.names[sps.CanonicalName(obj.NameOnAppliance())] = obj.GetName()
		}
		return nil
	})
}

// name gives each record a name in Kubernetes, by its key. An object that is there already keeps its name, and a name
// that is valid is taken as it is; the others are spelled differently, and numbered where they clash. The names do not
// depend on the order on the appliance.
func (e existing) name(kind kinds.Kind, records []sps.Record) map[string]string {
	out, taken := make(map[string]string, len(records)), make(map[string]bool, len(records)+len(e.taken))
	for name := range e.taken {
		taken[name] = true
	}
	var rest []sps.Record
	for _, record := range records {
		switch own := e.names[sps.CanonicalName(record.Name)]; {
		case own != "":
			out[record.Key] = own
		case isValid(record.Name) && !taken[record.Name]:
			out[record.Key] = record.Name
			taken[record.Name] = true
		default:
			rest = append(rest, record)
		}
	}
	slices.SortFunc(rest, func(a, b sps.Record) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key))
	})
	last := map[string]int{} // of each spelling, so that thousands that clash do not try each other's numbers again
	for _, record := range rest {
		base := slug(kind, record.Name)
		name, i := base, max(last[base], 1)
		for taken[name] {
			i++
			name = base + "-" + strconv.Itoa(i)
		}
		last[base] = i
		out[record.Key] = name
		taken[name] = true
	}
	return out
}

func isValid(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }

// maxSlug leaves room for a number, within the 63 characters that most things in Kubernetes may have.
const maxSlug = 56

// slug spells a name with what Kubernetes allows. A name without any of it becomes a checksum.
func slug(kind kinds.Kind, name string) string {
	var out strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(name) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r): // an accent
			continue
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if gap && out.Len() > 0 {
				out.WriteByte('-')
			}
			out.WriteRune(r)
			gap = false
		default:
			gap = true
		}
		if out.Len() >= maxSlug {
			break
		}
	}
	if out.Len() == 0 {
		sum := sha256.Sum256([]byte(name))
		return strings.ToLower(kind.Name) + "-" + hex.EncodeToString(sum[:4])
	}
	return out.String()
}
