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

	"github.com/mozillazg/go-unidecode"
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
		case isValid(record.Name) && len(record.Name) <= maxName && !taken[record.Name]:
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

const (
	// maxName is the longest name that is given: a file of that name, and what tools add to it, has to fit everywhere.
	maxName = 60
	// maxSlug leaves room for a number.
	maxSlug = maxName - 4
)

// slug spells a name with what Kubernetes allows: other letters as those of ASCII that sound like them. A name without
// any becomes a checksum, and a long one ends with one.
func slug(kind kinds.Kind, name string) string {
	dashed := strings.Join(strings.FieldsFunc(strings.ToLower(unidecode.Unidecode(norm.NFKD.String(name))), isGap), "-")
	switch {
	case dashed == "":
		return strings.ToLower(kind.Name) + "-" + shortSum(name)
	case len(dashed) > maxSlug:
		return strings.TrimRight(dashed[:maxSlug-9], "-") + "-" + shortSum(name)
	}
	return dashed
}

func isGap(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

func shortSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
