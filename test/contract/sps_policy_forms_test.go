// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"

	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// x509Identity is the only certificate with a key on a simulated appliance; they cannot be listed.
const x509Identity = "893b7eb7-8c6f-403a-ba3a-1d09dc4b4c7a"

// form is a policy in one form of its unions. It may look up keys.
type form func(a *appliance) sps.RDPConnection

// plain is a form that refers to nothing.
func plain(c sps.RDPConnection) form { return func(*appliance) sps.RDPConnection { return c } }

func inband(value, selection string) sps.InbandDomain {
	return sps.InbandDomain{Domain: sps.DomainMatch{Selection: selection, Value: value}, Port: new(3389)}
}

// addressForms are the forms of server, source and client addresses (docs/vendors/sps.md 5).
func addressForms() map[string]form {
	server := func(s sps.ServerAddress) form { return plain(rdp(sps.ConnectionPolicy{ServerAddress: &s})) }
	source := func(s sps.SourceAddress) form { return plain(rdp(sps.ConnectionPolicy{SourceAddress: &s})) }
	domains := []sps.InbandDomain{
		inband("10.0.0.0/8", sps.DomainMatchAddress), inband("*.example.com", sps.DomainMatchDomain),
	}
	return map[string]form{
		"the client's own target": server(sps.ServerAddress{Selection: sps.ServerAddressOriginal}),
		"a fixed server": server(sps.ServerAddress{
			Selection: sps.ServerAddressFixed, Address: new("10.30.255.70"), Port: new(3389),
		}),
		"a mapped network": server(sps.ServerAddress{Selection: sps.ServerAddressNAT, Network: new("10.20.30.40/24")}),
		"a server that the client names": server(sps.ServerAddress{
			Selection: sps.ServerAddressInband, Domains: domains,
		}),
		"a server that the client names, with all that can be said": server(sps.ServerAddress{
			Selection: sps.ServerAddressInband, Domains: domains, DNSServer: new(sps.NullableName("10.0.0.53")),
			ExceptionDomains: []sps.InbandDomain{inband("10.1.0.0/16", sps.DomainMatchAddress)},
			DNSSuffixes:      []string{"example.com", "corp.example.com"},
		}),
		"a server that the client names, with empty lists": server(sps.ServerAddress{
			Selection: sps.ServerAddressInband, Domains: domains, DNSServer: new(sps.NullableName("dns.example.com")),
			ExceptionDomains: []sps.InbandDomain{}, DNSSuffixes: []string{},
		}),
		"the appliance as source": source(sps.SourceAddress{Selection: sps.SourceAddressBox}),
		"the client as source":    source(sps.SourceAddress{Selection: sps.SourceAddressOriginal}),
		"a fixed source":          source(sps.SourceAddress{Selection: sps.SourceAddressFixed, Address: new("10.1.1.1")}),
		"IPv6, and several everywhere": plain(rdp(sps.ConnectionPolicy{Network: &sps.Network{
			Clients: []string{"2001:db8::/32", "192.0.2.1"}, Targets: []string{"2001:db8::1", "198.51.100.0/24"},
			Ports: []int{3389, 3390},
		}})),
	}
}

// securityForms are the forms of encryption and certificates.
func securityForms() map[string]form {
	transport := func(certificate sps.TLSCertificate) sps.RDPConnection {
		return sps.RDPConnection{TransportSecurity: &sps.TransportSecurity{
			Selection: sps.TransportTLS, LegacyFallback: new(true), Certificate: &certificate,
		}}
	}
	return map[string]form{
		"no TLS": plain(sps.RDPConnection{
			TransportSecurity: &sps.TransportSecurity{Selection: sps.TransportLegacy},
		}),
		"a certificate of its own": plain(transport(sps.TLSCertificate{Selection: sps.CertificateSelfSigned})),
		"a fixed certificate": func(a *appliance) sps.RDPConnection {
			return transport(sps.TLSCertificate{Selection: sps.CertificateFixed, X509Identity: new(a.identity())})
		},
		"generated certificates": func(a *appliance) sps.RDPConnection {
			return transport(sps.TLSCertificate{
				Selection: sps.CertificateGenerated, SigningCA: new(a.key(sps.SigningCAs, "session-ca")),
			})
		},
		"servers are checked": func(a *appliance) sps.RDPConnection {
			return sps.RDPConnection{ServerCertificateCheck: &sps.ServerCertificateCheck{
				Enabled: true, TrustedCA: new(a.key(sps.TrustedCALists, "corp-ca")),
			}}
		},
		"a gateway with one certificate and Active Directory": func(a *appliance) sps.RDPConnection {
			return sps.RDPConnection{RemoteDesktopGateway: &sps.RemoteDesktopGateway{
				Enabled: true, HostCertificationMethod: sps.SingleHostCertificate(a.identity()),
				LocalAuthentication: &sps.LocalAuthentication{Selection: sps.LocalAuthenticationActiveDirectory},
			}}
		},
		"a gateway that signs for itself": func(a *appliance) sps.RDPConnection { return a.signingGateway("") },
		"a gateway that signs for a name": func(a *appliance) sps.RDPConnection {
			return a.signingGateway("rdgw.example.com")
		},
	}
}

// signingGateway makes certificates for each client and has its own users; without a name it uses the appliance's.
func (a *appliance) signingGateway(commonName sps.NullableName) sps.RDPConnection {
	a.Helper()
	return sps.RDPConnection{RemoteDesktopGateway: &sps.RemoteDesktopGateway{
		Enabled: true,
		HostCertificationMethod: sps.SignedHostCertificate(sps.HostSigning{
			SigningCA: a.key(sps.SigningCAs, "rdgw-ca"), CommonName: &commonName,
		}),
		LocalAuthentication: &sps.LocalAuthentication{
			Selection: sps.LocalAuthenticationUserDatabase,
			Value: &sps.LocalUserDatabase{
				Domain: "example", Database: a.key(sps.UserDatabases, "contractors"),
			},
		},
	}}
}

func (a *appliance) identity() string {
	a.Helper()
	if a.isReal() {
		a.Skip("certificates cannot be listed")
	}
	return x509Identity
}

// otherForms cover everything else.
func otherForms() map[string]form {
	return map[string]form{
		"everything off": plain(sps.RDPConnection{
			ConnectionPolicy: sps.ConnectionPolicy{
				ChannelDatabaseCleanup: &sps.ChannelDatabaseCleanup{}, Indexing: &sps.Indexing{}, RateLimit: &sps.RateLimit{},
				WebGatewayAuthentication: &sps.WebGatewayAuthentication{}, LogAuditTrailDownloads: new(false),
			},
			RemoteDesktopGateway: &sps.RemoteDesktopGateway{}, ServerCertificateCheck: &sps.ServerCertificateCheck{},
		}),
		"metadata is cleaned up": plain(rdp(sps.ConnectionPolicy{
			ChannelDatabaseCleanup: &sps.ChannelDatabaseCleanup{Enabled: true, Days: new(550)},
		})),
		"indexed at once": plain(rdp(sps.ConnectionPolicy{
			Indexing: &sps.Indexing{Enabled: true, Policy: new("-50000"), Priority: new(0)},
		})),
		"a limit of connections": plain(rdp(sps.ConnectionPolicy{RateLimit: &sps.RateLimit{Enabled: true, Value: new(60)}})),
		"any user of the web gateway": plain(rdp(sps.ConnectionPolicy{
			WebGatewayAuthentication: &sps.WebGatewayAuthentication{Enabled: true, RequireSameIP: new(false)},
		})),
		"a group of the web gateway": plain(rdp(sps.ConnectionPolicy{
			WebGatewayAuthentication: &sps.WebGatewayAuthentication{
				Enabled: true, Groups: []string{"admin"}, RequireSameIP: new(true),
			},
		})),
		"access control": plain(rdp(sps.ConnectionPolicy{AccessControl: []sps.AccessRule{
			accessRule(sps.PermissionAudit, sps.AccessSubject{Selection: sps.SubjectEverybody}),
			accessRule(sps.PermissionAuthorize, sps.AccessSubject{Selection: sps.SubjectOnly, Group: new("root_only")}),
			accessRule(sps.PermissionAuditAndAuthorize, sps.AccessSubject{Selection: sps.SubjectEverybody}),
		}})),
		"every policy that there is": func(a *appliance) sps.RDPConnection {
			return rdp(sps.ConnectionPolicy{Policies: &sps.PolicyReferences{
				AAPlugin:             a.reference(a.aaPlugins(), "mfa"),
				AnalyticsPolicy:      a.reference(a.analytics(), defaultPolicy),
				ArchiveCleanupPolicy: a.reference(sps.ArchiveCleanupPolicies, "yearly"),
				BackupPolicy:         a.reference(sps.BackupPolicies, "nightly"),
				CredentialStore:      a.reference(sps.CredentialStores, "vault"),
				LDAPServer:           a.reference(sps.LDAPServers, "corp"),
				UsermappingPolicy:    a.reference(sps.UsermappingPolicies, "standard"),
			}})
		},
	}
}

func accessRule(permission string, subject sps.AccessSubject) sps.AccessRule {
	return sps.AccessRule{
		Authorizer: "security", Permission: permission, RequireDifferentIP: true, Subject: subject,
	}
}

// TestSPSEveryFormOfAPolicy creates each form, reads it back, updates it to the default body, and updates it back.
func TestSPSEveryFormOfAPolicy(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		for _, forms := range []map[string]form{addressForms(), securityForms(), otherForms()} {
			for name, make := range forms {
				a.run(name, func(a *appliance) { a.roundTrip(make(a)) })
			}
		}
	})
}

func (a *appliance) roundTrip(managed sps.RDPConnection) {
	a.Helper()
	name := uniqueName("form")
	original, changed := a.policy(name, sps.RDPConnection{}), a.policy(name, managed)
	key := a.create(sps.RDPConnections, changed)
	a.wantBody(sps.RDPConnections, key, changed)
	for _, want := range []sps.Body{original, changed} {
		a.commit(func(tx *sps.Transaction) {
			current, err := tx.Get(a.Context(), sps.RDPConnections, key)
			a.must(err)
			body := sps.Overlay(sps.Dereference(current.Body), want, want)
			a.must(tx.Replace(a.Context(), sps.RDPConnections, key, body))
		})
		if diff := sps.Diff(want, a.body(sps.RDPConnections, key), nil); len(diff) != 0 {
			a.Errorf("not as managed: %v", diff)
		}
	}
}

func TestSPSPolicyOfANewerVersion(t *testing.T) {
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		a.set(func(s *simsps.Switches) {
			s.OptionalMembers, s.RemovedMembers = []string{"override_log_level"}, []string{"channel_database_cleanup"}
		})
		body := a.policy(uniqueName("newer"), sps.RDPConnection{})
		tx := a.begin(a.client)
		_, err := tx.Create(a.Context(), sps.RDPConnections, body)
		a.want("a refusal: a member is gone", sps.IsRefused, err)
		delete(body, "channel_database_cleanup")
		body["override_log_level"] = map[string]any{"enabled": false}
		a.add(tx, sps.RDPConnections, body)
		a.must(tx.Commit(a.Context(), ""))
	})
}
