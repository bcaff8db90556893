// SPDX-License-Identifier: Apache-2.0

// Package uninstall runs the script of "make undeploy" and "make uninstall" on a real API server, with the built
// manager: nothing is removed from an appliance unless that was asked for, and nothing stays Terminating.
package uninstall

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/pam-operator/pam-operator/test/site"
)

// TestAnInstallationInUseIsNotRemoved is what happens to those who do not say what to do with the objects.
func TestAnInstallationInUseIsNotRemoved(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newBed(t)
	b.use()
	for _, what := range []string{undeploy, uninstall} {
		out, err := b.remove(what)
		b.expectRefusal(out, err,
			"3 localusergroups", "1 localusers", "2 rdpconnectionpolicies", "1 activitysessions",
			"RELEASE=orphan", "RELEASE=delete")
	}
	out, err := b.remove(undeploy, "RELEASE=yes")
	b.expectRefusal(out, err, `RELEASE is "yes"`)
	b.expectNothingIsTerminating()
	b.expectInUse()
}

// TestOrphanLeavesTheAppliancesAsTheyAre removes everything from the cluster, and nothing from the servers.
func TestOrphanLeavesTheAppliancesAsTheyAre(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newBed(t)
	b.use()
	before := b.onServers()
	out, err := b.remove(undeploy, "RELEASE=orphan")
	b.expectRemoved(out, err)
	if diff := b.onServers().diff(before); diff != "" {
		t.Errorf("the servers have changed (-before +after):\n%s", diff)
	}
}

// TestDeleteEmptiesTheAppliances removes everything from the servers first.
func TestDeleteEmptiesTheAppliances(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newBed(t)
	b.use()
	empty := b.before
	site.Change(t, b.cluster, b.connection, suspend(true))
	b.cluster.Reach(t, "False Suspended", b.connection)
	out, err := b.remove(undeploy, "RELEASE=delete")
	b.expectRefusal(out, err, "the deletion would wait", "SPSConnection pam-system/sps: Suspended")
	b.expectInUse()

	site.Change(t, b.cluster, b.connection, suspend(false))
	b.cluster.Reach(t, "True Synced", b.connection)
	out, err = b.remove(uninstall, "RELEASE=delete")
	b.expectRemoved(out, err)
	if diff := b.onServers().diff(empty); diff != "" {
		t.Errorf("the servers are not as they were before (-before +after):\n%s", diff)
	}
}

// TestWithoutAManager is for those who removed the manager first.
func TestWithoutAManager(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newBed(t)
	b.use()
	b.manager.Stop()
	before := b.onServers()
	// One of them is Terminating already, for ever.
	if err := b.cluster.Delete(t.Context(), b.policies[0]); err != nil {
		t.Fatal(err)
	}
	out, err := b.remove(undeploy, "RELEASE=delete")
	b.expectRefusal(out, err, "no manager runs", "RELEASE=orphan")
	out, err = b.remove(undeploy, "RELEASE=orphan")
	b.expectRemoved(out, err)
	NewWithT(t).Expect(out).To(ContainSubstring("left as it is, without a record in the cluster: " +
		"rdpconnectionpolicies pam-system/" + b.policies[0].GetName()))
	if diff := b.onServers().diff(before); diff != "" {
		t.Errorf("the servers have changed (-before +after):\n%s", diff)
	}
}

// TestWhatDoesNotEndIsReported has an appliance that does not answer: the manager and the definitions stay until the
// deletion is over, and orphan still helps.
func TestWhatDoesNotEndIsReported(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newBed(t)
	b.use()
	b.cluster.Remove(t, b.session)
	b.lock()
	out, err := b.remove(undeploy, "RELEASE=delete", "TIMEOUT=3")
	b.expectRefusal(out, err, "are not gone after 3 s", "Locked", "RELEASE=orphan")
	NewWithT(t).Expect(b.kinds()).NotTo(BeEmpty(), "the definitions were removed while objects waited")
	out, err = b.remove(undeploy, "RELEASE=orphan")
	b.expectRemoved(out, err)
}

// TestNothingToLoseIsRemovedAtOnce has a connection and no object that holds anything.
func TestNothingToLoseIsRemovedAtOnce(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newBed(t)
	b.cluster.Apply(t, b.servers.Credentials(owners)...)
	b.cluster.Apply(t, b.connection)
	b.cluster.Reach(t, "True Synced", b.connection)
	out, err := b.remove(undeploy)
	b.expectRemoved(out, err)
	out, err = b.remove(undeploy) // and again, with nothing there
	b.expectRemoved(out, err)
}

// TestOthersAreLeftAlone removes an operator of some namespaces, while another namespace is in use.
func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newBed(t)
	b.use()
	b.manager.Stop()
	b.manifest = b.render("namespaced")
	out, err := b.remove(undeploy)
	b.expectRefusal(out, err, "1 localusers")

	b.manifest = strings.ReplaceAll(b.manifest, "--watch-namespaces="+owners+",", "--watch-namespaces=")
	if out, err = b.remove(undeploy); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.expectInUse()
}
