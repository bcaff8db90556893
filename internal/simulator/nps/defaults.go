// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"cmp"
	"time"
)

// Credentials of the default catalogue. They open nothing but a simulator.
const (
	DefaultUser        = `LAB\svc-k8s`
	DefaultUserNoMFA   = `LAB\svc-nomfa`
	DefaultAdmin       = `LAB\admin`
	DefaultPassword    = "simulated password"
	DefaultTOTPSecret  = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" //nolint:gosec // opens nothing but a simulator
	DefaultMFACode     = "424242"                           //nolint:gosec // opens nothing but a simulator
	DefaultApplication = "k8s"
	DefaultAPIKey      = `simulated\key\with"marks`
)

// IDs of built-in platforms that are less sure (docs/vendors/nps.md 7.3), and of the catalogue's clone.
const (
	platformWebsite = "5b0d7e0a-0d0f-4a4e-9a55-6f4f2d0c7a11"
	platformClone   = "9e7f0a52-8f3e-4c0b-a7f0-2f6d6a1c9b04"
)

// Names in the default catalogue, which its policies repeat.
const (
	linuxRoot         = "Linux root"
	linuxBreakGlass   = "Linux break-glass"
	linuxAudit        = "Linux audit"
	linuxPatching     = "Linux patching"
	nightlyVacuum     = "Nightly vacuum"
	windowsAdmin      = "Windows admin"
	websiteAdmin      = "Website admin"
	credentialRelease = "Credential Release" //nolint:gosec // an activity, not a credential
	domainAdmin       = "Activity Token for Domain Admin Access"
	linuxHost         = "db1.payments.example.com"
	windowsHost       = "win1.payments.example.com"
	domainHost        = "dc1.example.com"
	applianceHost     = "appliance1"
	websiteHost       = "portal.example.com"
)

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Version = cmp.Or(o.Version, "25.12.00002")
	o.ProxyHost = cmp.Or(o.ProxyHost, "nps-proxy.lab.test")
	o.Users = orDefault(o.Users, defaultUsers)
	o.Applications = orDefault(o.Applications, defaultApplications)
	o.Platforms = orDefault(o.Platforms, defaultPlatforms)
	o.Resources = orDefault(o.Resources, defaultResources)
	o.Credentials = orDefault(o.Credentials, defaultCredentials)
	o.Activities = orDefault(o.Activities, defaultActivities)
	o.Policies = orDefault(o.Policies, defaultPolicies)
	const short = Duration(50 * time.Millisecond)
	o.Switches.ProvisioningDelay = cmp.Or(Duration(o.ProvisioningDelay), o.Switches.ProvisioningDelay, short)
	o.Switches.EndingDelay = cmp.Or(o.Switches.EndingDelay, short)
	o.Switches.AutomationRuntime = cmp.Or(o.Switches.AutomationRuntime, short)
	o.Switches.TokenLifetime = cmp.Or(Duration(o.TokenLifetime), o.Switches.TokenLifetime)
	o.Switches.setDefaults()
	return o
}

func orDefault[T any](given []T, otherwise func() []T) []T {
	if given != nil {
		return given
	}
	return otherwise()
}

func defaultUsers() []User {
	return []User{
		{Login: DefaultUser, Password: DefaultPassword, TOTPSecret: DefaultTOTPSecret},
		{Login: DefaultUserNoMFA, Password: DefaultPassword},
		{Login: DefaultAdmin, Password: DefaultPassword, MFACode: DefaultMFACode, Admin: true},
	}
}

func defaultApplications() []Application {
	return []Application{{Login: DefaultApplication, APIKey: DefaultAPIKey}}
}

func defaultPlatforms() []Platform {
	return []Platform{
		{ID: PlatformWindows, Name: "Windows"},
		{ID: PlatformActiveDirectory, Name: "Active Directory"},
		{ID: PlatformLinux, Name: "Linux"},
		{ID: PlatformCisco, Name: "Cisco"},
		{ID: platformWebsite, Name: "Website"},
		{ID: platformClone, Name: "Appliance", BaseID: PlatformLinux},
	}
}

func defaultResources() []Resource {
	return []Resource{
		{Name: linuxHost, DisplayName: "payments database", IPAddress: "192.0.2.11", PlatformID: PlatformLinux},
		{Name: windowsHost, DisplayName: "payments desktop", IPAddress: "192.0.2.12", PlatformID: PlatformWindows},
		{Name: domainHost, IPAddress: "192.0.2.13", Type: Domain, PlatformID: PlatformActiveDirectory},
		{Name: applianceHost, IPAddress: "192.0.2.14", PlatformID: platformClone},
		{Name: websiteHost, Type: Website, PlatformID: platformWebsite},
	}
}

func defaultCredentials() []Credential {
	return []Credential{
		{Name: "svc-backup", Username: "svc-backup", Domain: "LAB", Password: "released backup password"},
		{Name: "oracle-sys", Username: "sys", Password: "released oracle password"},
	}
}

func defaultActivities() []Activity {
	return []Activity{
		{Name: linuxRoot, PlatformID: PlatformLinux, LoginAccount: LoginManaged},
		{Name: nightlyVacuum, Type: TaskAutomation, PlatformID: PlatformLinux, LoginAccount: LoginManaged},
		{Name: linuxAudit, PlatformID: PlatformLinux, LoginAccount: LoginManaged},
		{Name: linuxPatching, PlatformID: PlatformLinux, LoginAccount: LoginManaged},
		{Name: linuxBreakGlass, PlatformID: PlatformLinux, LoginAccount: LoginResource},
		{Name: windowsAdmin, PlatformID: PlatformWindows, LoginAccount: LoginManaged},
		{Name: domainAdmin, PlatformID: PlatformActiveDirectory, LoginAccount: LoginActivityToken},
		{Name: websiteAdmin, PlatformID: platformWebsite, LoginAccount: LoginVault},
		{Name: credentialRelease, Type: CredentialRelease, LoginAccount: LoginVault},
	}
}

func defaultPolicies() []Policy {
	linux := []string{linuxHost}
	hour := Profile{MaxSessionLength: time.Hour}
	return []Policy{
		{
			Name: "Linux", Activities: []string{linuxRoot, nightlyVacuum}, Resources: []string{linuxHost, applianceHost},
			Profile: Profile{MaxSessionLength: 8 * time.Hour, AllowExtension: true},
		},
		{
			Name: "Linux with note", Activities: []string{linuxAudit}, Resources: linux,
			Profile: Profile{MaxSessionLength: time.Hour, NotesRequired: true},
		},
		{
			Name: "Linux with ticket", Activities: []string{linuxPatching}, Resources: linux,
			Profile: Profile{MaxSessionLength: time.Hour, TicketRequired: true},
		},
		{
			Name: "Linux in an emergency", Activities: []string{linuxBreakGlass},
			Resources: []string{linuxHost, applianceHost},
			Profile:   Profile{MaxSessionLength: 15 * time.Minute, PasswordAccessDenied: true},
		},
		{
			Name: "Windows", Activities: []string{windowsAdmin}, Resources: []string{windowsHost, domainHost},
		},
		{
			Name:       "Domain administration with approval",
			Activities: []string{domainAdmin}, Resources: []string{domainHost},
			Profile: Profile{MaxSessionLength: time.Hour, Approval: ApprovalWorkflow, Approvers: []string{DefaultAdmin}},
		},
		{Name: "Websites", Activities: []string{websiteAdmin}, Resources: []string{websiteHost}, Profile: hour},
		{
			Name: "Credentials", Activities: []string{credentialRelease},
			Credentials: []string{"svc-backup", "oracle-sys"}, Profile: hour,
		},
	}
}
