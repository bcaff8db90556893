// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// Namespaces of the scenarios: that of the release, one for the appliances, one for connections and policies, one for
// sessions and Jobs.
const (
	operatorNamespace  = "pam-operator-system"
	applianceNamespace = "pam-cluster-test-appliances"
	platformNamespace  = "pam-cluster-test-platform"
	paymentsNamespace  = "pam-cluster-test-payments"

	// systemNamespace and teamNamespace are those of the documents.
	systemNamespace = "pam-system"
	teamNamespace   = "payments"

	managerName = "pam-operator-controller-manager"
	enforce     = "pod-security.kubernetes.io/enforce"
	nonroot     = int64(65532)
)

// namespaces are all that this test creates, and those that the documents use, in the order in which they can go:
// sessions and policies need their connections, connections the appliances, and all of them the manager.
var namespaces = []string{
	paymentsNamespace, teamNamespace, platformNamespace, systemNamespace, applianceNamespace, "pam-simulator",
	operatorNamespace,
}

// managers are the pods of the Deployment.
var managers = client.MatchingLabels{"control-plane": "controller-manager"}

// ensureInstalled installs the chart as docs/install.md says, and the appliances, unless both are there.
func (c *cluster) ensureInstalled(ctx context.Context, log func(format string, values ...any)) error {
	if c.installed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	took, err := c.install(ctx)
	if err != nil {
		return err
	}
	log("%6.2f s  from helm install until both replicas are ready", took.Seconds())
	for _, name := range []string{applianceNamespace, platformNamespace, paymentsNamespace} {
		if err := c.apply(ctx, builder.Namespace(name, builder.Label(enforce, "restricted"))); err != nil {
			return err
		}
	}
	if err := c.startSimulator(ctx, platformNamespace); err != nil {
		return err
	}
	c.installed = true
	return nil
}

// install follows docs/install.md, and waits until all replicas are ready.
func (c *cluster) install(ctx context.Context) (time.Duration, error) {
	blocks, err := section("install.md", "With Helm")
	if err != nil {
		return 0, err
	}
	c.touched = true
	began := time.Now()
	if _, err := c.follow(ctx, blocks[0]); err != nil {
		return 0, err
	}
	err = c.rolledOut(ctx, operatorNamespace, managerName)
	return time.Since(began), err
}

func (c *cluster) rolledOut(ctx context.Context, namespace, deployment string) error {
	_, err := c.run(ctx, "", "rollout", "status", "deployment/"+deployment, "-n", namespace, "--timeout=180s")
	return err
}

// refuseUnlessFree keeps this test from removing anything that others need.
func (c *cluster) refuseUnlessFree(ctx context.Context) error {
	found, err := c.leftovers(ctx)
	if err != nil || len(found) == 0 {
		return err
	}
	return fmt.Errorf("this test would remove what the cluster already has: %s; use another cluster, or uninstall the "+
		"operator first, as docs/uninstall.md says, and delete these", strings.Join(found, ", "))
}

// leftovers lists everything in the cluster that this test, or a reader of the documents, creates and removes.
func (c *cluster) leftovers(ctx context.Context) ([]string, error) {
	out, err := c.run(ctx, "", "get", "crd,clusterroles,clusterrolebindings,validatingadmissionpolicies,"+
		"validatingadmissionpolicybindings,namespaces", "-o", "name")
	if err != nil {
		return nil, err
	}
	var found []string
	for name := range strings.Lines(out) {
		name = strings.TrimSpace(name)
		_, short, _ := strings.Cut(name, "/")
		own := strings.HasSuffix(name, "."+pamv1alpha1.GroupVersion.Group) || strings.HasPrefix(short, "pam-operator")
		for _, namespace := range namespaces {
			own = own || name == "namespace/"+namespace
		}
		if own {
			found = append(found, name)
		}
	}
	return found, nil
}

// remove leaves the cluster as it was before this test.
func (c *cluster) remove(failed bool) error {
	if c == nil {
		return nil
	}
	ctx := context.Background()
	if failed {
		c.explain(ctx)
	}
	err := c.ensureRemoved(ctx)
	if err != nil {
		err = errors.Join(err, c.clear(ctx))
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// explain logs possible causes of a failure.
func (c *cluster) explain(ctx context.Context) {
	if !c.touched {
		return
	}
	for _, arguments := range [][]string{
		{"get", "pods", "-A", "-o", "wide"},
		{"get", "pam", "-A", "-o", "wide"},
		{"get", "events", "-A", "--sort-by=.lastTimestamp"},
		{"logs", "-n", operatorNamespace, "-l", "control-plane=controller-manager", "--tail=60", "--prefix"},
		{"logs", "-n", applianceNamespace, "deployment/" + simulatorName, "--tail=20"},
	} {
		out, err := c.run(ctx, "", arguments...)
		fmt.Fprintf(os.Stderr, "== kubectl %v\n%s", arguments, out)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// TestTheInstallationIsRestricted proves that the pods start where only restricted pods may, and that the namespaces of
// this test really refuse others.
func TestTheInstallationIsRestricted(t *testing.T) {
	s := newScenario(t)
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: managerName}}
	s.eventually(func(g Gomega) {
		g.Expect(s.get(s.Context(), deployment)).To(Succeed())
		g.Expect(deployment.Status.AvailableReplicas).To(BeEquivalentTo(2))
	})
	s.step("Deployment %s has %d available replicas", managerName, deployment.Status.AvailableReplicas)
	for _, namespace := range []string{operatorNamespace, applianceNamespace, platformNamespace, paymentsNamespace} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "unrestricted"}}
		pod.Spec.Containers = []corev1.Container{{Name: "a", Image: s.image}}
		err := s.client.Create(s.Context(), pod, client.DryRunAll)
		if !apierrors.IsForbidden(err) {
			t.Errorf("an unrestricted pod in %s: %v", namespace, err)
		}
	}
	s.expectRestricted(operatorNamespace)
	s.expectRestricted(applianceNamespace)
	s.step("every namespace refuses an unrestricted pod, and none of our pods can write to its root file system")
}

// expectRestricted checks what admission does not require, in addition to what it does.
func (s *scenario) expectRestricted(namespace string) {
	s.Helper()
	var pods corev1.PodList
	s.must(s.client.List(s.Context(), &pods, client.InNamespace(namespace)))
	if len(pods.Items) == 0 {
		s.Errorf("no pod in %s", namespace)
	}
	for i := range pods.Items {
		for _, container := range pods.Items[i].Spec.Containers {
			of := container.SecurityContext
			if of == nil || of.ReadOnlyRootFilesystem == nil || !*of.ReadOnlyRootFilesystem {
				s.Errorf("container %s of pod %s can write to its root file system", container.Name, pods.Items[i].Name)
			}
		}
	}
}
