// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"hash/fnv"
	"strconv"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Field indexes. Their values are "namespace/name" where an object in another namespace may be meant, and names where
// only the object's own namespace may. Those of objects that a feed reports hold anyName as well; those of names on an
// appliance hold a nameBucket.
const (
	IndexConnection    = "connection"
	IndexApplianceName = "applianceName"
	IndexSecrets       = refersTo + kinds.Secret
	IndexConfigMaps    = refersTo + "ConfigMap"
	IndexBoundTo       = "boundTo"
	IndexSessionID     = "sessionID"

	refersTo = "refersTo"
)

// IndexReferences is the field index of references to a kind.
func IndexReferences(kind string) string { return refersTo + kind }

// AddIndexes adds the field indexes that the controllers look objects up by.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, kind := range kinds.All() {
		for field, of := range indexesOf(kind) {
			if err := indexer.IndexField(ctx, kind.New(), field, of); err != nil {
				return err
			}
		}
	}
	return nil
}

func indexesOf(kind kinds.Kind) map[string]client.IndexerFunc {
	out := map[string]client.IndexerFunc{}
	if kind.Connection == "" {
		out[IndexSecrets], out[IndexConfigMaps] = orAny(connection.SecretNames), orAny(connection.ConfigMapNames)
	} else {
		out[IndexConnection] = connectionOf
	}
	if kind.IsPolicy() {
		out[IndexApplianceName] = ApplianceNameOf
	}
	if kind.Name == kinds.ActivitySession {
		out[IndexBoundTo], out[IndexSessionID] = boundToOf, sessionIDOf
	}
	for _, r := range kind.References {
		of := r.Names
		if r.To == kinds.Secret { // a feed reports them
			of = orAny(of)
		}
		out[IndexReferences(r.To)] = of
	}
	return out
}

func connectionOf(obj client.Object) []string {
	c, ok := obj.(kinds.Connected)
	if !ok {
		return nil
	}
	return []string{connection.Target(c.Connection(), obj.GetNamespace()).String()}
}

// ApplianceNameOf is the index of policy objects by their name on the appliance; see ByApplianceName.
func ApplianceNameOf(obj client.Object) []string {
	p, ok := obj.(kinds.PolicyObject)
	if !ok {
		return nil
	}
	return []string{nameBucket(p.NameOnAppliance())}
}

// nameBuckets is how many values the index of names has. Each value costs nearly a kilobyte, as much as half an object,
// so ten thousand names share them, and a look-up of one name returns a few others as well.
const nameBuckets = 1024

func nameBucket(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(sps.CanonicalName(name))) // never fails
	return strconv.FormatUint(uint64(h.Sum32()%nameBuckets), 36)
}

// ByApplianceName selects the objects that may have a name on an appliance; compare their names with sps.SameName.
func ByApplianceName(name string) client.MatchingFields {
	return client.MatchingFields{IndexApplianceName: nameBucket(name)}
}

func boundToOf(obj client.Object) []string {
	s, ok := obj.(*pamv1alpha1.ActivitySession)
	if !ok || s.Spec.BoundTo == nil {
		return nil
	}
	return []string{s.Spec.BoundTo.Kind + "/" + s.Spec.BoundTo.Name, s.Spec.BoundTo.Kind + "/" + anyName}
}

func sessionIDOf(obj client.Object) []string {
	s, ok := obj.(*pamv1alpha1.ActivitySession)
	if !ok || s.Status.SessionID == "" {
		return nil
	}
	return []string{strings.ToLower(s.Status.SessionID)}
}
