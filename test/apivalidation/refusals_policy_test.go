// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	policyNameRule = "policyName is immutable; create a new RDPConnectionPolicy instead"
	nameOrKeyRule  = "exactly one of name and key must be set"
	orNoneRule     = "exactly one of name, key and type: None must be set"
	clientsRule    = "each of clients must be an IP address or a network such as 10.0.0.0/8"
	targetsRule    = "each of targets must be an IP address or a network such as 10.30.255.0/24"
	fixedRule      = "fixed is required with type: Fixed, and forbidden otherwise"
)

var policy = builder.RDPConnectionPolicy("a")

var policyRefusals = map[string]refusal{
	"RDPConnectionPolicy: connectionRef that changes": {
		valid: policy, later: true, change: `spec: {connectionRef: {name: b}}`,
		field: "spec.connectionRef", want: connectionRule,
	},
	"RDPConnectionPolicy: policyName that changes": {
		valid: policy, given: `spec: {policyName: a}`, later: true, change: `spec: {policyName: b}`,
		field: "spec.policyName", want: policyNameRule,
	},
	"RDPConnectionPolicy: policyName that is added": {
		valid: policy, later: true, change: `spec: {policyName: b}`, field: "spec", want: policyNameRule,
	},
	"RDPConnectionPolicy: network.clients by a host name": {
		valid: policy, change: `spec: {network: {clients: ["10.0.0.0/8", host.example.com]}}`,
		field: "spec.network.clients", want: clientsRule,
	},
	"RDPConnectionPolicy: network.targets with an impossible prefix": {
		valid: policy, change: `spec: {network: {targets: ["10.0.0.0/33"]}}`,
		field: "spec.network.targets", want: targetsRule,
	},

	"RDPConnectionPolicy: serverAddress Fixed without its member": {
		valid: policy, change: `spec: {serverAddress: {type: Fixed}}`, field: "spec.serverAddress", want: fixedRule,
	},
	"RDPConnectionPolicy: serverAddress Original with the member of Fixed": {
		valid: policy, change: `spec: {serverAddress: {type: Original, fixed: {address: a}}}`,
		field: "spec.serverAddress", want: fixedRule,
	},
	"RDPConnectionPolicy: serverAddress NAT without its member": {
		valid: policy, change: `spec: {serverAddress: {type: NAT}}`,
		field: "spec.serverAddress", want: "nat is required with type: NAT, and forbidden otherwise",
	},
	"RDPConnectionPolicy: serverAddress Original with the member of NAT": {
		valid: policy, change: `spec: {serverAddress: {type: Original, nat: {network: 10.0.0.0/8}}}`,
		field: "spec.serverAddress", want: "nat is required with type: NAT, and forbidden otherwise",
	},
	"RDPConnectionPolicy: serverAddress NAT into an address": {
		valid: policy, change: `spec: {serverAddress: {type: NAT, nat: {network: 10.0.0.1}}}`,
		field: "spec.serverAddress.nat.network", want: "network must be a network such as 10.20.30.0/24",
	},
	"RDPConnectionPolicy: serverAddress Inband without its member": {
		valid: policy, change: `spec: {serverAddress: {type: Inband}}`,
		field: "spec.serverAddress", want: "inband is required with type: Inband, and forbidden otherwise",
	},
	"RDPConnectionPolicy: serverAddress Original with the member of Inband": {
		valid:  policy,
		change: `spec: {serverAddress: {type: Original, inband: {domains: [{type: Domain, value: a}]}}}`,
		field:  "spec.serverAddress", want: "inband is required with type: Inband, and forbidden otherwise",
	},

	"RDPConnectionPolicy: sourceAddress Fixed without its member": {
		valid: policy, change: `spec: {sourceAddress: {type: Fixed}}`, field: "spec.sourceAddress", want: fixedRule,
	},
	"RDPConnectionPolicy: sourceAddress BoxAddress with the member of Fixed": {
		valid: policy, change: `spec: {sourceAddress: {type: BoxAddress, fixed: {address: 10.0.0.1}}}`,
		field: "spec.sourceAddress", want: fixedRule,
	},
	"RDPConnectionPolicy: sourceAddress that is a network": {
		valid: policy, change: `spec: {sourceAddress: {type: Fixed, fixed: {address: 10.0.0.0/8}}}`,
		field: "spec.sourceAddress.fixed.address", want: "address must be an IP address",
	},

	"RDPConnectionPolicy: transportSecurity Legacy with the member of TLS": {
		valid: policy, change: `spec: {transportSecurity: {type: Legacy, tls: {legacyFallback: true}}}`,
		field: "spec.transportSecurity", want: "tls is allowed only with type: TLS",
	},
	"RDPConnectionPolicy: certificate Fixed without its member": {
		valid: policy, change: `spec: {transportSecurity: {type: TLS, tls: {certificate: {type: Fixed}}}}`,
		field: "spec.transportSecurity.tls.certificate", want: fixedRule,
	},
	"RDPConnectionPolicy: certificate SelfSigned with the member of Generated": {
		valid: policy, change: `
spec:
  transportSecurity:
    type: TLS
    tls: {certificate: {type: SelfSigned, generated: {signingCA: {name: a}}}}`,
		field: "spec.transportSecurity.tls.certificate",
		want:  "generated is required with type: Generated, and forbidden otherwise",
	},
	"RDPConnectionPolicy: certificate Fixed by name and key": {
		valid: policy, change: `
spec:
  transportSecurity:
    type: TLS
    tls: {certificate: {type: Fixed, fixed: {x509Identity: {name: a, key: b}}}}`,
		field: "spec.transportSecurity.tls.certificate.fixed.x509Identity", want: nameOrKeyRule,
	},
	"RDPConnectionPolicy: certificate Generated by nothing": {
		valid: policy, change: `
spec:
  transportSecurity:
    type: TLS
    tls: {certificate: {type: Generated, generated: {signingCA: {}}}}`,
		field: "spec.transportSecurity.tls.certificate.generated.signingCA", want: nameOrKeyRule,
	},

	"RDPConnectionPolicy: serverCertificateCheck without a trustedCA": {
		valid: policy, change: `spec: {serverCertificateCheck: {mode: Enabled}}`,
		field: "spec.serverCertificateCheck", want: "trustedCA is required with mode: Enabled, and forbidden otherwise",
	},
	"RDPConnectionPolicy: serverCertificateCheck that is off with a trustedCA": {
		valid: policy, change: `spec: {serverCertificateCheck: {mode: Disabled, trustedCA: {name: a}}}`,
		field: "spec.serverCertificateCheck", want: "trustedCA is required with mode: Enabled, and forbidden otherwise",
	},
	"RDPConnectionPolicy: trustedCA by name and key": {
		valid: policy, change: `spec: {serverCertificateCheck: {mode: Enabled, trustedCA: {name: a, key: b}}}`,
		field: "spec.serverCertificateCheck.trustedCA", want: nameOrKeyRule,
	},

	"RDPConnectionPolicy: remoteDesktopGateway without hostCertification": {
		valid: policy, change: `spec: {remoteDesktopGateway: {mode: Enabled, localAuthentication: {type: ActiveDirectory}}}`,
		field: "spec.remoteDesktopGateway", want: "hostCertification is required with mode: Enabled, and forbidden otherwise",
	},
	"RDPConnectionPolicy: remoteDesktopGateway that is off with localAuthentication": {
		valid:  policy,
		change: `spec: {remoteDesktopGateway: {mode: Disabled, localAuthentication: {type: ActiveDirectory}}}`,
		field:  "spec.remoteDesktopGateway",
		want:   "localAuthentication is required with mode: Enabled, and forbidden otherwise",
	},
	"RDPConnectionPolicy: hostCertification Single without its member": {
		valid: policy, given: gateway, change: `spec: {remoteDesktopGateway: {hostCertification: {single: null}}}`,
		field: "spec.remoteDesktopGateway.hostCertification",
		want:  "single is required with type: Single, and forbidden otherwise",
	},
	"RDPConnectionPolicy: hostCertification Single with the member of Signing": {
		valid: policy, given: gateway,
		change: `spec: {remoteDesktopGateway: {hostCertification: {signing: {signingCA: {name: a}}}}}`,
		field:  "spec.remoteDesktopGateway.hostCertification",
		want:   "signing is required with type: Signing, and forbidden otherwise",
	},
	"RDPConnectionPolicy: hostCertification Single by nothing": {
		valid: policy, given: gateway,
		change: `spec: {remoteDesktopGateway: {hostCertification: {single: {x509Identity: {name: null}}}}}`,
		field:  "spec.remoteDesktopGateway.hostCertification.single.x509Identity", want: nameOrKeyRule,
	},
	"RDPConnectionPolicy: hostCertification Signing by name and key": {
		valid: policy, given: gateway, change: `
spec:
  remoteDesktopGateway:
    hostCertification: {type: Signing, single: null, signing: {signingCA: {name: a, key: b}}}`,
		field: "spec.remoteDesktopGateway.hostCertification.signing.signingCA", want: nameOrKeyRule,
	},
	"RDPConnectionPolicy: localAuthentication by a database without its member": {
		valid: policy, given: gateway,
		change: `spec: {remoteDesktopGateway: {localAuthentication: {type: LocalUserDatabase}}}`,
		field:  "spec.remoteDesktopGateway.localAuthentication",
		want:   "localUserDatabase is required with type: LocalUserDatabase, and forbidden otherwise",
	},
	"RDPConnectionPolicy: localAuthentication by two databases": {
		valid: policy, given: gateway, change: `
spec:
  remoteDesktopGateway:
    localAuthentication:
      type: LocalUserDatabase
      localUserDatabase: {domain: a, database: {name: a, key: b}}`,
		field: "spec.remoteDesktopGateway.localAuthentication.localUserDatabase.database", want: nameOrKeyRule,
	},

	"RDPConnectionPolicy: webGatewayAuthentication that is off for groups": {
		valid: policy, change: `spec: {webGatewayAuthentication: {mode: Disabled, groups: [a]}}`,
		field: "spec.webGatewayAuthentication", want: "groups and requireSameIP are allowed only with mode: Enabled",
	},
	"RDPConnectionPolicy: access rule without an authorizer": {
		valid: policy, change: `spec: {accessControl: [{permission: Audit}]}`,
		field: "spec.accessControl[0]", want: "exactly one of authorizer and authorizerRef must be set",
	},
	"RDPConnectionPolicy: access rule with two authorizers": {
		valid: policy, change: `spec: {accessControl: [{authorizer: a, authorizerRef: {name: a}, permission: Audit}]}`,
		field: "spec.accessControl[0]", want: "exactly one of authorizer and authorizerRef must be set",
	},
	"RDPConnectionPolicy: access rule for only nobody": {
		valid: policy, change: `spec: {accessControl: [{authorizer: a, permission: Audit, subject: {type: Only}}]}`,
		field: "spec.accessControl[0].subject", want: "group is required with type: Only, and forbidden otherwise",
	},
	"RDPConnectionPolicy: access rule for everybody of a group": {
		valid:  policy,
		change: `spec: {accessControl: [{authorizer: a, permission: Audit, subject: {type: Everybody, group: b}}]}`,
		field:  "spec.accessControl[0].subject", want: "group is required with type: Only, and forbidden otherwise",
	},
	"RDPConnectionPolicy: channelDatabaseCleanup after no days": {
		valid: policy, change: `spec: {channelDatabaseCleanup: {mode: Enabled}}`,
		field: "spec.channelDatabaseCleanup", want: "days is required with mode: Enabled, and forbidden otherwise",
	},
	"RDPConnectionPolicy: indexing that is off with a priority": {
		valid: policy, change: `spec: {indexing: {mode: Disabled, priority: Low}}`,
		field: "spec.indexing", want: "policy and priority are allowed only with mode: Enabled",
	},
	"RDPConnectionPolicy: indexing by a policy without name and key": {
		valid: policy, change: `spec: {indexing: {mode: Enabled, policy: {}}}`,
		field: "spec.indexing.policy", want: nameOrKeyRule,
	},
	"RDPConnectionPolicy: rateLimit without a number": {
		valid: policy, change: `spec: {rateLimit: {mode: Enabled}}`,
		field: "spec.rateLimit", want: "connectionsPerMinute is required with mode: Enabled, and forbidden otherwise",
	},

	"RDPConnectionPolicy: channel by name and key": {
		valid: policy, change: `spec: {policies: {channel: {name: a, key: b}}}`,
		field: "spec.policies.channel", want: nameOrKeyRule,
	},
	"RDPConnectionPolicy: settings by name and key": {
		valid: policy, change: `spec: {policies: {settings: {name: a, key: b}}}`,
		field: "spec.policies.settings", want: nameOrKeyRule,
	},
	"RDPConnectionPolicy: audit by nothing": {
		valid: policy, change: `spec: {policies: {audit: {}}}`, field: "spec.policies.audit", want: nameOrKeyRule,
	},
	"RDPConnectionPolicy: archiveCleanup by name and none": {
		valid: policy, change: `spec: {policies: {archiveCleanup: {type: None, name: a}}}`,
		field: "spec.policies.archiveCleanup", want: orNoneRule,
	},
	"RDPConnectionPolicy: backup by key and none": {
		valid: policy, change: `spec: {policies: {backup: {type: None, key: a}}}`,
		field: "spec.policies.backup", want: orNoneRule,
	},
	"RDPConnectionPolicy: credentialStore by name and key": {
		valid: policy, change: `spec: {policies: {credentialStore: {name: a, key: b}}}`,
		field: "spec.policies.credentialStore", want: orNoneRule,
	},
	"RDPConnectionPolicy: ldapServer by nothing": {
		valid: policy, change: `spec: {policies: {ldapServer: {}}}`, field: "spec.policies.ldapServer", want: orNoneRule,
	},
	"RDPConnectionPolicy: usermapping by name and none": {
		valid: policy, change: `spec: {policies: {usermapping: {type: None, name: a}}}`,
		field: "spec.policies.usermapping", want: orNoneRule,
	},
	"RDPConnectionPolicy: aaPlugin by name and none": {
		valid: policy, change: `spec: {policies: {aaPlugin: {type: None, name: a}}}`,
		field: "spec.policies.aaPlugin", want: orNoneRule,
	},
	"RDPConnectionPolicy: analytics by name and none": {
		valid: policy, change: `spec: {policies: {analytics: {type: None, name: a}}}`,
		field: "spec.policies.analytics", want: orNoneRule,
	},
}

// gateway is a valid Remote Desktop Gateway.
const gateway = `
spec:
  remoteDesktopGateway:
    mode: Enabled
    hostCertification: {type: Single, single: {x509Identity: {name: a}}}
    localAuthentication: {type: ActiveDirectory}`
