// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file goes the way back: from an object of an appliance to an object of ours that adopts it as it is. The mapping
// of each kind is used in both directions, and what it writes down is compared as a pass would compare it, so that what
// is described is in sync by construction.

// Missing is something of an object of an appliance that an object of ours lacks.
type Missing struct {
	// Field is the path of the spec's field, or of a member of the appliance that has none. If it is empty, the object
	// cannot be described at all.
	Field string
	// Reason is why. It never contains the value.
	Reason string
}

// Fault is something that the API does not accept.
type Fault struct {
	// Path is where, such as spec.network.clients[0].
	Path string
	// Reason is why. It does not contain the value.
	Reason string
}

// Reasons of what is missing.
const (
	noField = "there is no field for it, or none for its value: the operator leaves it as it is on the appliance"
	noForm  = "its value has something that this field cannot say: the operator leaves it as it is on the appliance"
)

// Describer describes what an appliance has. It is not safe for concurrent use.
type Describer struct {
	// View shows the appliance.
	View appliance.View
	// Check returns what the API does not accept of an object.
	Check func(ctx context.Context, obj kinds.PolicyObject) ([]Fault, error)
	// Accounts are those that the operator logs in with.
	Accounts connection.Accounts
	// Connection is what the objects will go through, and Namespace where they will be.
	Connection pamv1alpha1.ConnectionReference
	Namespace  string
	// UserRef returns the name of the LocalUser that is described for the user with a key; empty if there is none.
	UserRef func(key string) string

	// kind is that of the object being described, and directory the appliance's users, once they are needed.
	kind      string
	directory *sps.Directory
}

// describers have what each kind adds.
var describers = map[string]func(
	ctx context.Context, d *Describer, record sps.Record, name string,
) (kinds.PolicyObject, []Missing, error){
	kinds.LocalUser:           describeUser,
	kinds.LocalUserGroup:      describeGroup,
	kinds.RDPConnectionPolicy: rdpMapping.describe,
}

// Describe returns the object of a kind, with a name of its own, that adopts a record as it is. The object is nil if
// there is none; missing then says why. An error is transient.
func (d *Describer) Describe(
	ctx context.Context, kind kinds.Kind, record sps.Record, name string,
) (obj kinds.PolicyObject, missing []Missing, err error) {
	why, err := d.unmanageable(ctx, kind, record)
	if err != nil || why != "" {
		return nil, whole(why), err
	}
	describe, ok := describers[kind.Name]
	if !ok {
		return nil, nil, fmt.Errorf("%s cannot be described", kind.Name)
	}
	d.kind = kind.Name
	obj, missing, err = describe(ctx, d, record, name)
	for _, m := range missing {
		if m.Field == "" {
			return nil, whole(m.Reason), err
		}
	}
	return obj, missing, err
}

// Read reads the collections that Describe needs for a record.
func (d *Describer) Read(ctx context.Context, kind kinds.Kind, record sps.Record) error {
	if kind.Name == kinds.LocalUserGroup {
		_, err := d.View.List(ctx, sps.Users)
		return err
	}
	if read, ok := readers[kind.Name]; ok {
		return read(ctx, d.View, record)
	}
	return nil
}

// readers read what the records of a kind refer to.
var readers = map[string]func(ctx context.Context, view appliance.View, record sps.Record) error{
	kinds.RDPConnectionPolicy: rdpMapping.read,
}

// unmanageable is why no object of ours can manage a record.
func (d *Describer) unmanageable(ctx context.Context, kind kinds.Kind, record sps.Record) (string, error) {
	listing, err := d.View.List(ctx, kind.Collection)
	switch {
	case err != nil:
		return "", err
	case record.Name == "":
		return "it has no name", nil
	case sps.IsBuiltIn(kind.Collection, record.Name):
		return "it comes with the appliance and belongs to its owner, so it is never managed", nil
	case kind.Collection == sps.Users && d.Accounts.Has(record.Name):
		return "it is the account with which a connection logs in, so it is never managed", nil
	case listing.Namesakes(record.Name) > 1:
		return "the appliance has this name more than once: rename all but one there", nil
	}
	return "", nil
}

func whole(reason string) []Missing {
	if reason == "" {
		return nil
	}
	return []Missing{{Reason: reason}}
}

// identify writes what every object has: its own name, and how it is managed. What exists is adopted as it is, and
// outlives an object that is deleted by mistake.
func (d *Describer) identify(obj kinds.PolicyObject, name string) {
	obj.GetObjectKind().SetGroupVersionKind(pamv1alpha1.GroupVersion.WithKind(d.kind))
	obj.SetNamespace(d.Namespace)
	obj.SetName(name)
	policies := obj.ManagementPolicies()
	policies.AdoptionPolicy = pamv1alpha1.AdoptionPolicyIfIdentical
	policies.DeletionPolicy = pamv1alpha1.DeletionPolicyOrphan
}

// nameBeside is the name on the appliance where the object's own name does not say it.
func nameBeside(name, onAppliance string) string {
	if name == onAppliance {
		return ""
	}
	return onAppliance
}

// refused is why an object cannot be described at all, if the API does not accept it and no field of it can be left
// out.
func refused(faults []Fault) []Missing {
	if len(faults) == 0 {
		return nil
	}
	return whole(faults[0].Path + ": " + faults[0].Reason)
}
