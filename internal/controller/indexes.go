// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"hash/fnv"
	"strconv"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Field indexes. Their values are "namespace/name" where an object in another namespace may be meant, and names where
// only the object's own namespace may. Those that name what a feed tells of hold anyName as well; those of names on an
// appliance are a nameSlot.
const (
	indexConnection    = "connection"
	indexApplianceName = "applianceName"
	indexSecrets       = "secrets"
	indexConfigMaps    = "configMaps"
	indexUserRefs      = "userRefs"
	indexGroupRefs     = "groupRefs"
	indexPolicyRef     = "policyRef"
	indexBoundTo       = "boundTo"
	indexSessionID     = "sessionID"
)

// addIndexes adds the field indexes that the controllers look objects up by.
func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range []struct {
		obj   client.Object
		field string
		of    client.IndexerFunc
	}{
		{&pamv1alpha1.SPSConnection{}, indexSecrets, orAny(connection.SecretNames)},
		{&pamv1alpha1.SPSConnection{}, indexConfigMaps, orAny(connection.ConfigMapNames)},
		{&pamv1alpha1.NPSConnection{}, indexSecrets, orAny(connection.SecretNames)},
		{&pamv1alpha1.NPSConnection{}, indexConfigMaps, orAny(connection.ConfigMapNames)},
		{&pamv1alpha1.RDPConnectionPolicy{}, indexConnection, connectionOf},
		{&pamv1alpha1.RDPConnectionPolicy{}, indexApplianceName, applianceNameOf},
		{&pamv1alpha1.RDPConnectionPolicy{}, indexGroupRefs, groupRefsOf},
		{&pamv1alpha1.LocalUser{}, indexConnection, connectionOf},
		{&pamv1alpha1.LocalUser{}, indexApplianceName, applianceNameOf},
		{&pamv1alpha1.LocalUser{}, indexSecrets, orAny(passwordSecretOf)},
		{&pamv1alpha1.LocalUserGroup{}, indexConnection, connectionOf},
		{&pamv1alpha1.LocalUserGroup{}, indexApplianceName, applianceNameOf},
		{&pamv1alpha1.LocalUserGroup{}, indexUserRefs, userRefsOf},
		{&pamv1alpha1.SessionTermination{}, indexConnection, connectionOf},
		{&pamv1alpha1.SessionTermination{}, indexPolicyRef, policyRefOf},
		{&pamv1alpha1.ActivitySession{}, indexConnection, connectionOf},
		{&pamv1alpha1.ActivitySession{}, indexSecrets, orAny(sessionSecretOf)},
		{&pamv1alpha1.ActivitySession{}, indexBoundTo, boundToOf},
		{&pamv1alpha1.ActivitySession{}, indexSessionID, sessionIDOf},
	} {
		if err := indexer.IndexField(ctx, i.obj, i.field, i.of); err != nil {
			return err
		}
	}
	return nil
}

// connected is an object that goes through a connection.
type connected interface {
	client.Object
	Connection() pamv1alpha1.ConnectionReference
}

func connectionOf(obj client.Object) []string {
	c, ok := obj.(connected)
	if !ok {
		return nil
	}
	return []string{connection.Target(c.Connection(), obj.GetNamespace()).String()}
}

func applianceNameOf(obj client.Object) []string {
	p, ok := obj.(policyObject)
	if !ok {
		return nil
	}
	return []string{nameSlot(p.NameOnAppliance())}
}

// nameSlots is how many values the index of names has. Each value costs nearly a kilobyte, as much as half an object,
// so ten thousand names share these; who looks a name up gets a few others too.
const nameSlots = 1024

func nameSlot(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(sps.CanonicalName(name))) // never fails
	return strconv.FormatUint(uint64(h.Sum32()%nameSlots), 36)
}

// meaning selects the objects that may mean a name on an appliance.
func meaning(name string) client.MatchingFields {
	return client.MatchingFields{indexApplianceName: nameSlot(name)}
}

func passwordSecretOf(obj client.Object) []string {
	u, ok := obj.(*pamv1alpha1.LocalUser)
	if !ok || u.Spec.PasswordSecretRef == nil {
		return nil
	}
	return []string{u.Spec.PasswordSecretRef.Name}
}

func userRefsOf(obj client.Object) []string {
	g, ok := obj.(*pamv1alpha1.LocalUserGroup)
	if !ok {
		return nil
	}
	var names []string
	for _, m := range g.Spec.Members {
		if m.UserRef != nil {
			names = append(names, m.UserRef.Name)
		}
	}
	return names
}

func groupRefsOf(obj client.Object) []string {
	p, ok := obj.(*pamv1alpha1.RDPConnectionPolicy)
	if !ok {
		return nil
	}
	var names []string
	for _, rule := range p.Spec.AccessControl {
		if rule.AuthorizerRef != nil {
			names = append(names, rule.AuthorizerRef.Name)
		}
	}
	return names
}

func policyRefOf(obj client.Object) []string {
	t, ok := obj.(*pamv1alpha1.SessionTermination)
	if !ok || t.Spec.PolicyRef == nil {
		return nil
	}
	return []string{t.Spec.PolicyRef.Name}
}

func sessionSecretOf(obj client.Object) []string {
	s, ok := obj.(*pamv1alpha1.ActivitySession)
	if !ok {
		return nil
	}
	return []string{s.SecretName()}
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
