// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

// Fields of the spec that refer to an object of the appliance, as messages name them.
const (
	fieldIndexingPolicy  = "indexing.policy"
	fieldChannel         = "policies.channel"
	fieldSettings        = "policies.settings"
	fieldAudit           = "policies.audit"
	fieldArchiveCleanup  = "policies.archiveCleanup"
	fieldBackup          = "policies.backup"
	fieldCredentialStore = "policies.credentialStore"
	fieldLDAPServer      = "policies.ldapServer"
	fieldUsermapping     = "policies.usermapping"
	fieldAAPlugin        = "policies.aaPlugin"
	fieldAnalytics       = "policies.analytics"
)

// commonPaths are pairs like protocol.paths, for the fields that the policies of all protocols have.
var commonPaths = []string{
	"policies.aa_plugin", fieldAAPlugin,
	"policies.analytics_policy", fieldAnalytics,
	"policies.archive_cleanup_policy", fieldArchiveCleanup,
	"policies.audit_policy", fieldAudit,
	"policies.backup_policy", fieldBackup,
	"policies.channel_policy", fieldChannel,
	"policies.credential_store", fieldCredentialStore,
	"policies.ldap_server", fieldLDAPServer,
	"policies.usermapping_policy", fieldUsermapping,
	"rate_limit.value", "rateLimit.connectionsPerMinute",
	"web_gateway_authentication.require_same_ip", "webGatewayAuthentication.requireSameIP",
	"server_address.address", "serverAddress.fixed.address",
	"server_address.port", "serverAddress.fixed.port",
	"server_address.network", "serverAddress.nat.network",
	"server_address.domains", "serverAddress.inband.domains",
	"server_address.exception_domains", "serverAddress.inband.exceptionDomains",
	"server_address.dns_server", "serverAddress.inband.dnsServer",
	"server_address.dns_suffixes", "serverAddress.inband.dnsSuffixes",
	"source_address.address", "sourceAddress.fixed.address",
	".selection", ".type",
	".enabled", ".mode",
}

// specPath is the field of the spec that a path of the wire belongs to.
func (m mapping[T]) specPath(wire string) string {
	if wire == "name" {
		return "policyName"
	}
	return camelCase(m.paths.Replace(wire))
}

func camelCase(snake string) string {
	var b strings.Builder
	upper := false
	for _, r := range snake {
		switch {
		case r == '_':
			upper = true
		case upper:
			b.WriteString(strings.ToUpper(string(r)))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
