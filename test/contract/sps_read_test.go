// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestSPSInfo(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		before, err := a.client.Info(a.Context())
		a.must(err)
		if !strings.HasPrefix(before.Version, a.version) || before.Version == "" {
			a.Errorf("version %q, want %s", before.Version, a.version)
		}
		hash := func() string {
			info, err := a.client.Info(a.Context())
			a.must(err)
			return info.ConfigHash
		}
		tx := a.begin(a.client)
		a.add(tx, sps.Groups, group(uniqueName("info")))
		if got := hash(); got != before.ConfigHash {
			a.Errorf("an open transaction moved the hash from %q to %q", before.ConfigHash, got)
		}
		a.must(tx.Rollback(a.Context()))
		if got := hash(); got != before.ConfigHash {
			a.Errorf("a roll-back moved the hash from %q to %q", before.ConfigHash, got)
		}
		a.create(sps.Groups, group(uniqueName("info")))
		if got := hash(); got == before.ConfigHash && got != "" {
			a.Errorf("a commit left the hash at %q", got)
		}
	})
}

func TestSPSListsAndGets(t *testing.T) {
	collections := []sps.Collection{
		sps.RDPConnections, sps.RDPChannelPolicies, sps.RDPSettingsPolicies, sps.AuditPolicies,
		sps.ArchiveCleanupPolicies, sps.BackupPolicies, sps.CredentialStores, sps.LDAPServers,
		sps.UsermappingPolicies, sps.IndexingPolicies, sps.AAPluginInstances, sps.AAPlugins,
		sps.SigningCAs, sps.TrustedCALists, sps.UserDatabases, sps.Users, sps.Groups,
	}
	onEverySPS(t, func(a *appliance) {
		if !a.isReal() {
			a.create(sps.RDPConnections, a.policy(uniqueName("list"), sps.RDPConnection{}))
		}
		for _, collection := range append(collections, a.analytics()) {
			a.run(string(collection), func(a *appliance) { a.listsAndGets(collection) })
		}
	})
}

// listsAndGets checks that listing a collection and getting its objects give the same result.
func (a *appliance) listsAndGets(collection sps.Collection) {
	a.Helper()
	objects, err := a.client.List(a.Context(), collection)
	if a.isReal() && rest.IsNotFound(err) {
		a.Skip("this version has no such collection")
	}
	a.must(err)
	if len(objects) == 0 && !a.isReal() {
		a.Fatal("the list is empty")
	}
	for _, listed := range objects {
		if listed.Key == "" || listed.Name == "" {
			a.Errorf("object %q has the name %q", listed.Key, listed.Name)
		}
		got, err := a.client.Get(a.Context(), collection, listed.Key)
		a.must(err)
		object, err := listed.Object()
		a.must(err)
		if diff := cmp.Diff(object, got); diff != "" {
			a.Errorf("list and object differ (-list +object):\n%s", diff)
		}
	}
	_, err = a.client.Get(a.Context(), collection, "00000000000000000000aa")
	a.want("not found", rest.IsNotFound, err)
}

func TestSPSVaultsAreNotListed(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		objects, err := a.client.List(a.Context(), sps.Passwords)
		if err == nil || rest.IsOutcomeUnknown(err) {
			a.Errorf("passwords: %d objects, error %v, want a refusal", len(objects), err)
		}
	})
}

func TestSPSListsWithAndWithoutBodies(t *testing.T) {
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		for range 3 {
			a.create(sps.Groups, group(uniqueName("bodies")))
		}
		lists := map[bool][]sps.Object{}
		for _, bodies := range []bool{false, true} {
			a.set(func(s *simsps.Switches) { s.ListBodies = bodies })
			objects, err := a.client.List(a.Context(), sps.Groups)
			a.must(err)
			for _, o := range objects {
				object, err := o.Object()
				a.must(err)
				lists[bodies] = append(lists[bodies], object)
			}
			if got := a.client.ListsBodies(sps.Groups); got != bodies {
				a.Errorf("ListsBodies is %v", got)
			}
		}
		if diff := cmp.Diff(lists[true], lists[false]); diff != "" {
			a.Errorf("lists differ (-with +without bodies):\n%s", diff)
		}
	})
}

func TestSPSNewObjectsStandAtTheEnd(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		var made []string
		for range 2 {
			made = append(made, a.create(sps.RDPConnections, a.policy(uniqueName("order"), sps.RDPConnection{})))
		}
		a.commit(func(tx *sps.Transaction) {
			body := sps.Overlay(a.body(sps.RDPConnections, made[0]), sps.Body{"log_audit_trail_downloads": false}, nil)
			a.must(tx.Replace(a.Context(), sps.RDPConnections, made[0], body)) // keeps its place
		})
		objects, err := a.client.List(a.Context(), sps.RDPConnections)
		a.must(err)
		var last []string
		for _, object := range objects[max(0, len(objects)-2):] {
			last = append(last, object.Key)
		}
		if diff := cmp.Diff(made, last); diff != "" {
			a.Errorf("end of the list (-want +got):\n%s", diff)
		}
	})
}
