// SPDX-License-Identifier: Apache-2.0

package policy

import "github.com/pam-operator/pam-operator/internal/sps"

// commonComparison has the members of the connection policies of all protocols that can be written in several ways.
// Keys are opaque (docs/vendors/sps.md 2), so they compare to the letter.
var commonComparison = sps.Comparison{
	sps.MemberName: {Meaning: sps.NameMeaning},

	"access_control":               {Emptiable: true},
	"access_control.authorizer":    {Meaning: sps.NameMeaning},
	"access_control.subject.group": {Meaning: sps.NameMeaning},

	"network.clients": {Meaning: sps.NetworkMeaning, Unordered: true},
	"network.targets": {Meaning: sps.NetworkMeaning, Unordered: true},
	"network.ports":   {Meaning: sps.NumberMeaning, Unordered: true},

	"server_address.address":                        {Meaning: sps.HostMeaning},
	"server_address.port":                           {Meaning: sps.NumberMeaning},
	"server_address.network":                        {Meaning: sps.MappingMeaning},
	"server_address.domains.domain.value":           {Meaning: sps.ServersMeaning},
	"server_address.domains.port":                   {Meaning: sps.NumberMeaning},
	"server_address.exception_domains":              {Emptiable: true},
	"server_address.exception_domains.domain.value": {Meaning: sps.ServersMeaning},
	"server_address.exception_domains.port":         {Meaning: sps.NumberMeaning},
	"server_address.dns_server":                     {Meaning: sps.HostMeaning},
	"server_address.dns_suffixes":                   {Meaning: sps.DomainMeaning, Emptiable: true},
	"source_address.address":                        {Meaning: sps.AddressMeaning},

	// No groups and no list of groups let every user log in (docs/vendors/sps.md 5, inferred).
	"web_gateway_authentication.groups": {Meaning: sps.NameMeaning, Unordered: true, Emptiable: true},

	"channel_database_cleanup.days": {Meaning: sps.NumberMeaning},
	"indexing.priority":             {Meaning: sps.NumberMeaning},
	"rate_limit.value":              {Meaning: sps.NumberMeaning},
}
