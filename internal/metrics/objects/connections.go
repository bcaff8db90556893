// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"regexp"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// connectionObject is a connection of either kind.
type connectionObject interface {
	kinds.Object
	connectionSpec
	Connectivity() *pamv1alpha1.ConnectionStatus
}

// connectionSpec is what the specs of both kinds have in common.
type connectionSpec interface {
	Address() string
	Suspended() bool
	TLSSettings() *pamv1alpha1.TLSSettings
}

// known is what the cache and the pool know of a connection.
type known struct {
	address, version           string
	ready, suspended, insecure bool
	// limit is how many sessions may be live; 0 for a connection without sessions.
	limit  int32
	expiry map[string]time.Time
}

// connections are all that exist, and the appliances that they lead to.
type connections struct {
	known      map[metrics.Connection]*known
	appliances map[string]*knownAppliance
}

// knownAppliance is what is known of an appliance, through any connection.
type knownAppliance struct {
	lockedSince, checked time.Time
	// interval is how often it is asked; 0 if no connection to it is ready.
	interval time.Duration
	waiting  int
	// used says that there is a client.
	used bool
}

func newConnections() connections {
	return connections{known: map[metrics.Connection]*known{}, appliances: map[string]*knownAppliance{}}
}

func (c connections) exists(which metrics.Connection) bool { return c.known[which] != nil }

// reached reports whether a connection leads to an appliance.
func (c connections) reached(address string) bool { return c.appliances[address] != nil }

// add adds a connection of the cache.
func (c connections) add(kind string, conn connectionObject, s state) {
	tls := conn.TLSSettings()
	k := &known{
		address: metrics.Address(connection.CanonicalURL(conn.Address())), version: versionOf(conn), ready: s.ready,
		suspended: conn.Suspended(), insecure: tls != nil && ptr.Deref(tls.InsecureSkipVerify, false),
		expiry: map[string]time.Time{},
	}
	name := types.NamespacedName{Namespace: conn.GetNamespace(), Name: conn.GetName()}
	c.known[metrics.Connection{Kind: kind, NamespacedName: name}] = k
	switch o := conn.(type) {
	case *pamv1alpha1.NPSConnection:
		k.limit = connection.ActiveSessionLimit(o)
	case *pamv1alpha1.SPSConnection:
		a := c.appliance(k.address)
		if every := o.CheckInterval(); k.ready && (a.interval == 0 || every < a.interval) {
			a.interval = every
		}
		if lock := o.Status.Lock; lock != nil && (a.lockedSince.IsZero() || lock.Since.Time.Before(a.lockedSince)) {
			a.lockedSince = lock.Since.Time
		}
	}
}

func (c connections) appliance(address string) *knownAppliance {
	if c.appliances[address] == nil {
		c.appliances[address] = &knownAppliance{}
	}
	return c.appliances[address]
}

// versions is what a version looks like. What else a server may say is free text, and is not shown.
var versions = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}$`)

func versionOf(conn connectionObject) string {
	version := conn.Connectivity().Version
	if version != "" && !versions.MatchString(version) {
		return metrics.Other
	}
	return version
}

// addClient adds what the pool knows of the client of a connection. A client whose connection is gone is about to be
// closed.
func (c connections) addClient(client connection.ClientState) {
	k := c.known[metrics.Connection{Kind: client.Kind, NamespacedName: client.Name}]
	if k == nil {
		return
	}
	for credential, at := range map[string]time.Time{
		metrics.CredentialToken: client.TokenEnds, metrics.CredentialClientCertificate: client.CertificateEnds,
		metrics.CredentialServerCertificate: client.ServerCertificateEnds, metrics.CredentialCA: client.CAEnds,
	} {
		if !at.IsZero() {
			k.expiry[credential] = at
		}
	}
	if client.Kind != kinds.SPSConnection {
		return
	}
	a := c.appliance(metrics.Address(client.URL))
	a.used, a.waiting = true, a.waiting+client.Waiting
	if client.Checked.After(a.checked) {
		a.checked = client.Checked
	}
}

func (c connections) send(to send) {
	for which, k := range c.known {
		labels := []string{which.Kind, which.Namespace, which.Name}
		to(metrics.ConnectionReady, flag(k.ready), labels...)
		to(metrics.ConnectionSuspended, flag(k.suspended), labels...)
		to(metrics.ConnectionInfo, 1, which.Kind, which.Namespace, which.Name, k.address, k.version)
		if k.insecure {
			to(metrics.InsecureTLS, 1, labels...)
		}
		for credential, at := range k.expiry {
			to(metrics.CredentialExpiry, unix(at), which.Kind, which.Namespace, which.Name, credential)
		}
		if k.limit > 0 {
			to(metrics.SessionLimit, float64(k.limit), which.Namespace, which.Name)
		}
	}
	for address, a := range c.appliances {
		a.send(to, address)
	}
}

func (a knownAppliance) send(to send, address string) {
	if !a.lockedSince.IsZero() {
		to(metrics.ForeignLock, unix(a.lockedSince), address)
	}
	if a.interval > 0 {
		to(metrics.InventoryInterval, a.interval.Seconds(), address)
	}
	if !a.checked.IsZero() {
		to(metrics.InventoryChecked, unix(a.checked), address)
	}
	if a.used {
		to(metrics.ChangesWaiting, float64(a.waiting), address)
	}
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
