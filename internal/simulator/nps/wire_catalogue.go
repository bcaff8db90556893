// SPDX-License-Identifier: Apache-2.0

package nps

import "time"

// nodeID is the server's own ID in everything it creates.
const nodeID = "e1d6a0de-5b1c-4c63-9a0e-0a6d3a3b7c55"

// catalogueCreated is when the catalogue was set up.
const catalogueCreated = "2025-01-01T00:00:00Z"

// defaultNotification is the profile's expirationTimeoutThreshold: how long before the end of a session its user is
// warned.
const defaultNotification = 5 * time.Minute

func activityObject(a *Activity) object {
	return object{
		"latestSessionActualStartUtc": nil, "id": a.ID, "createdBy": adminID(), "modifiedBy": adminID(),
		"name": a.Name, "description": nil, "activityConfigurationId": nil, "activityConfiguration": nil,
		"platformId": a.PlatformID, "platform": nil,
		"startActionGroupId":  deriveGUID("start group", a.Name),
		"duringActionGroupId": deriveGUID("during group", a.Name),
		"endActionGroupId":    deriveGUID("end group", a.Name),
		"activityType":        a.Type, "loginAccount": a.LoginAccount, "loginAccountNameFormat": "%samaccountname%-nps",
		"requesterLoginFormat": 0, "applicationToLaunch": nil, "preferredRDSHostId": nil, "connectCredentialId": nil,
		"createAccount": a.LoginAccount == LoginManaged, "activityGroupActivities": []object{}, "deleteAccount": false,
		"vaultId": nil, "vaultInfo": nil, "logonUrl": nil, "isDefault": false, "isDeleted": false, "isUserModified": false,
		"nodeId": nodeID, "createdDateTimeUtc": catalogueCreated, "modifiedDateTimeUtc": catalogueCreated,
	}
}

// configuration is the session's own copy of its profile.
func (x *session) configuration() object {
	o := profileObject(x.configID, x.policy)
	o["createdDateTimeUtc"] = x.life.created.Format(time.RFC3339Nano)
	o["modifiedDateTimeUtc"] = x.life.created.Format(time.RFC3339Nano)
	return o
}

// profileObject is a connection profile, ActivityConfiguration (docs/vendors/nps.md 4.3).
func profileObject(id string, policy *Policy) object {
	p := &policy.Profile
	return object{
		"id": id, "name": "Profile of " + policy.Name, "description": nil, "type": 0, "createdBy": adminID(),
		"modifiedBy": adminID(), "createdDateTimeUtc": catalogueCreated, "modifiedDateTimeUtc": catalogueCreated,
		"isDefault": false, "isDeleted": false, "isUserModified": false, "nodeId": nodeID,
		"activityConfigurationSettings": []object{}, "customFields": fieldDefinitions(policy), "deleteAccount": false,
		"sessionRetryInterval": nil, "approvedWorkflowEmailTemplateId": nil,
		"notifyApproversWorkflowEmailTemplateId": nil, "maxSessionLength": int(p.MaxSessionLength.Minutes()),
		"allowSessionExtension": p.AllowExtension, "sessionExtensionMinutes": p.ExtensionMinutes,
		"sessionExtensionCount": p.ExtensionCount, "sessionMonitorInterval": 5,
		"expirationTimeoutThreshold": int(defaultNotification.Minutes()), "rdpProxyHost": nil, "sshProxyHost": nil,
		"sshScanDc": false, "recordAudio": false, "proxyAutoConnect": true, "record": true,
		"approvalTypeRequired":            approvalCodes[p.Approval],
		"approvalWorkflowId":              deriveGUID("approval workflow", policy.Name),
		"approvalWorkflowEmailTemplateId": nil, "monitorEntireSession": true, "allowViewPassword": false,
		"allowPasswordAccess": !p.PasswordAccessDenied, "allowAutofillPassword": true, "leaveInGroup": true,
		"activityTokenComplexity": nil, "clearWebsiteDataAfterStop": false, "clearWebsiteDataBeforeStart": false,
		"notesRequired": p.NotesRequired, "ticketRequired": p.TicketRequired, "viewPasswordInSeconds": nil,
	}
}

func fieldDefinitions(policy *Policy) []object {
	out := make([]object, 0, len(policy.Profile.CustomFields))
	for _, f := range policy.Profile.CustomFields {
		out = append(out, object{
			"policyId": policy.ID, "customFieldDataType": f.Type, "name": f.Name, "required": f.Required,
			"options": append([]string{}, f.Options...),
		})
	}
	return out
}

func policyObject(p *Policy) object {
	return object{
		"id": p.ID, "name": p.Name, "description": nil, "activityConfigurationId": deriveGUID("profile", p.Name),
		"activityConfiguration": nil, "priority": p.Priority, "isDisabled": p.Disabled, "isDeleted": false,
		"isDefault": false, "isUserModified": false, "managedAccountPolicyJoin": []object{},
		"managedAccountGroupPolicyJoin": []object{}, "managedResourcePolicyJoin": []object{},
		"managedResourceGroupPolicyJoin": []object{}, "activityJoin": []object{}, "activityGroupJoin": []object{},
		"credentialPolicyJoin": []object{}, "credentialGroupPolicyJoin": []object{},
		"userAndGroupCollectionPolicyJoin": []object{}, "policyType": p.kind(), "nodeId": nodeID,
		"createdDateTimeUtc": catalogueCreated, "modifiedDateTimeUtc": catalogueCreated,
	}
}

// kind is the vendor's policyType: 0 for resources, 1 for credentials (docs/vendors/nps.md 4.3).
func (p *Policy) kind() int {
	if len(p.Credentials) > 0 {
		return 1
	}
	return 0
}

func accountObject(a *account) object {
	return object{
		"id": a.id, "name": a.samName(), "type": a.kind(), "locked": false, "userId": a.userID,
		"managedAccountJoin": []object{}, "managedAccountPolicyJoin": []object{}, "sid": nil,
		"userCollectionJoin": []object{}, "isReviewer": false, "nodeId": nodeID,
		"createdDateTimeUtc": catalogueCreated, "modifiedDateTimeUtc": catalogueCreated,
	}
}

// resourceObject is a ManagedResource as it is nested in a session: its platform by id only.
func resourceObject(r *Resource) object {
	return object{
		"id": r.ID, "name": r.Name, "type": r.Type, "hostId": optional(hostID(r)), "host": nil,
		"hostScanHostId": nil, "hostScanHost": nil, "domainConfigId": nil, "websiteId": nil, "website": nil,
		"azureAdTenantId": nil, "azureAdTenant": nil, "secretVaultId": nil, "secretVault": nil,
		"managedDatabaseId": nil, "managedDatabase": nil, "platformId": r.PlatformID, "platform": nil,
		"displayName": optional(r.DisplayName), "ipAddress": optional(r.IPAddress),
		"serviceAccountId": deriveGUID("service account", r.Name), "serviceAccount": nil, "manageAccount": 0,
		"protectedGroup": []object{}, "activityConfigurationId": nil, "activityConfiguration": nil,
		"actionQueueId": nil, "actionQueue": nil, "managedResourceJoin": []object{},
		"managedResourcePolicyJoin": []object{}, "manageResourceProtectionPolicyJoin": []object{},
		"verificationScheduleId": nil, "verificationSchedule": nil, "passwordComplexityPolicyId": nil,
		"passwordComplexityPolicy": nil, "portSsh": 22, "portRdp": 3389, "portWinRm": 5985, "portWinRmHttps": 5986,
		"winRmHttpSetting": -1, "disableWinRm": false, "acceptThumbprintOnFirstDiscovery": true,
		"trustedThumbprint": nil, "discoveredThumbprint": nil, "sshTrustActionType": 1, "certificateType": 2,
		"nodeId": nodeID, "createdDateTimeUtc": catalogueCreated, "modifiedDateTimeUtc": catalogueCreated,
	}
}

func (c *catalogue) platformName(id string) string {
	if p := c.platform(id); p != nil {
		return p.Name
	}
	return "Unclassified"
}

func platformObject(p *Platform) object {
	return object{
		"id": p.ID, "name": p.Name, "description": nil, "basePlatformId": optional(p.BaseID),
		"isDefault": p.BaseID == "", "isDeleted": false, "nodeId": nodeID,
	}
}

// hostID is the ID of the host behind a resource; empty if it is not a host.
func hostID(r *Resource) string {
	if r.Type != Host {
		return ""
	}
	return deriveGUID("host", r.Name)
}

// operatorName is the actor behind the simulator's controls, which need no log-in.
const operatorName = "administrator"

func adminID() string { return deriveGUID("user", operatorName) }
