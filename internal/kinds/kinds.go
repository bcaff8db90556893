// SPDX-License-Identifier: Apache-2.0

// Package kinds is the table of the kinds of our API. Field indexes, watches, the retention of connections, the demo
// and the test suites derive from it, and its tests compare it with what cannot: the scheme, the definitions, the
// admission policy, the roles, the samples and the documents.
package kinds

import (
	"reflect"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Names of kinds.
const (
	SPSConnection       = "SPSConnection"
	NPSConnection       = "NPSConnection"
	LocalUser           = "LocalUser"
	LocalUserGroup      = "LocalUserGroup"
	RDPConnectionPolicy = "RDPConnectionPolicy"
	SessionTermination  = "SessionTermination"
	ApplianceExport     = "ApplianceExport"
	ActivitySession     = "ActivitySession"
	// Secret is not ours; objects refer to it.
	Secret = "Secret"
)

// Kind is a row of the table.
type Kind struct {
	Name string
	// Resource is the plural name in the API.
	Resource string
	// ShortName is what people type.
	ShortName string
	// Connection is the kind of connection that objects go through; empty for connections.
	Connection string
	// Collection is where the objects of a policy kind are on an appliance; empty for the other kinds.
	Collection sps.Collection
	// References are the fields by which objects name others in their own namespace. A change of what is named wakes
	// those that name it.
	References []Reference
	// New makes an empty object, and NewList an empty list.
	New     func() Object
	NewList func() client.ObjectList
}

// IsPolicy reports whether objects of the kind are kept in sync with an appliance.
func (k Kind) IsPolicy() bool { return k.Collection != "" }

// table is in the order in which objects can be created: those that others refer to come first.
var table = []Kind{
	{
		Name: SPSConnection, Resource: "spsconnections", ShortName: "spsc",
		New:     func() Object { return &pamv1alpha1.SPSConnection{} },
		NewList: func() client.ObjectList { return &pamv1alpha1.SPSConnectionList{} },
	},
	{
		Name: NPSConnection, Resource: "npsconnections", ShortName: "npsc",
		New:     func() Object { return &pamv1alpha1.NPSConnection{} },
		NewList: func() client.ObjectList { return &pamv1alpha1.NPSConnectionList{} },
	},
	{
		Name: LocalUser, Resource: "localusers", ShortName: "lu", Connection: SPSConnection, Collection: sps.Users,
		References: []Reference{{To: Secret, Names: names(passwordSecret)}},
		New:        func() Object { return &pamv1alpha1.LocalUser{} },
		NewList:    func() client.ObjectList { return &pamv1alpha1.LocalUserList{} },
	},
	{
		Name: LocalUserGroup, Resource: "localusergroups", ShortName: "lug", Connection: SPSConnection,
		Collection: sps.Groups,
		References: []Reference{{To: LocalUser, Names: names(members)}},
		New:        func() Object { return &pamv1alpha1.LocalUserGroup{} },
		NewList:    func() client.ObjectList { return &pamv1alpha1.LocalUserGroupList{} },
	},
	{
		Name: RDPConnectionPolicy, Resource: "rdpconnectionpolicies", ShortName: "rdpcp", Connection: SPSConnection,
		Collection: sps.RDPConnections, References: connectionPolicyReferences,
		New:     func() Object { return &pamv1alpha1.RDPConnectionPolicy{} },
		NewList: func() client.ObjectList { return &pamv1alpha1.RDPConnectionPolicyList{} },
	},
	{
		Name: SessionTermination, Resource: "sessionterminations", ShortName: "st", Connection: SPSConnection,
		References: []Reference{{To: RDPConnectionPolicy, Names: names(terminatedPolicy)}},
		New:        func() Object { return &pamv1alpha1.SessionTermination{} },
		NewList:    func() client.ObjectList { return &pamv1alpha1.SessionTerminationList{} },
	},
	{
		Name: ApplianceExport, Resource: "applianceexports", ShortName: "aex", Connection: SPSConnection,
		New:     func() Object { return &pamv1alpha1.ApplianceExport{} },
		NewList: func() client.ObjectList { return &pamv1alpha1.ApplianceExportList{} },
	},
	{
		Name: ActivitySession, Resource: "activitysessions", ShortName: "as", Connection: NPSConnection,
		References: []Reference{{To: Secret, Names: names(sessionSecret)}},
		New:        func() Object { return &pamv1alpha1.ActivitySession{} },
		NewList:    func() client.ObjectList { return &pamv1alpha1.ActivitySessionList{} },
	},
}

// All returns every kind, in an order in which objects can be created.
func All() []Kind { return where(func(Kind) bool { return true }) }

// Policies returns the kinds that are kept in sync with an appliance.
func Policies() []Kind { return where(Kind.IsPolicy) }

// Through returns the kinds whose objects go through a kind of connection.
func Through(connection string) []Kind {
	return where(func(k Kind) bool { return k.Connection == connection })
}

func where(wanted func(Kind) bool) []Kind {
	var out []Kind
	for _, k := range table {
		if wanted(k) {
			out = append(out, k)
		}
	}
	return out
}

// Named returns the kind of a name, and false if it is not one of ours.
func Named(name string) (kind Kind, ours bool) {
	for _, k := range table {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// OfObject returns the kind of an object, which need not carry its name, as objects of a cache do not. The kind of an
// object that is not ours is empty.
func OfObject(obj Object) Kind {
	for _, k := range table {
		if reflect.TypeOf(k.New()) == reflect.TypeOf(obj) {
			return k
		}
	}
	return Kind{}
}

// Of returns the kind of a type, or of an object's own type: Of[*pamv1alpha1.LocalUser](). A type that has no row is a
// mistake in the program; its kind is empty.
func Of[T Object]() Kind {
	for _, k := range table {
		if _, is := k.New().(T); is {
			return k
		}
	}
	return Kind{}
}
