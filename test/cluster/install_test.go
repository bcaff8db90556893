// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/test/builder"
)

// Namespaces: that of config/default, one for the appliances, one for connections and policies, one for Jobs.
const (
	operatorNamespace  = "pam-operator-system"
	applianceNamespace = "pam-cluster-test-appliances"
	platformNamespace  = "pam-cluster-test-platform"
	paymentsNamespace  = "pam-cluster-test-payments"

	managerName = "pam-operator-controller-manager"
	enforce     = "pod-security.kubernetes.io/enforce"
	nonroot     = int64(65532)
)

// managers are the pods of the Deployment.
var managers = client.MatchingLabels{"control-plane": "controller-manager"}

// install installs config/default with the image, as "make deploy" does, and waits until it is rolled out.
func (c *cluster) install(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}}
	if err := c.get(ctx, namespace); !apierrors.IsNotFound(err) {
		return errors.Join(err, fmt.Errorf("namespace %s exists: this test would remove the operator in it",
			operatorNamespace))
	}
	manifest := filepath.Join(c.dir, "install.yaml")
	render := exec.CommandContext(ctx, filepath.Join(root, "hack", "render.sh"), c.kubectl, c.image, manifest)
	if out, err := render.CombinedOutput(); err != nil {
		return fmt.Errorf("render config/default: %w: %s", err, out)
	}
	c.manifest = manifest
	if _, err := c.run(ctx, "", "apply", "--server-side", "-f", manifest); err != nil {
		return err
	}
	for _, name := range []string{applianceNamespace, platformNamespace, paymentsNamespace} {
		if err := c.apply(ctx, builder.Namespace(name, builder.Label(enforce, "restricted"))); err != nil {
			return err
		}
	}
	return c.rolledOut(ctx, operatorNamespace, managerName)
}

func (c *cluster) rolledOut(ctx context.Context, namespace, deployment string) error {
	_, err := c.run(ctx, "", "rollout", "status", "deployment/"+deployment, "-n", namespace, "--timeout=180s")
	return err
}

// remove takes everything away again. Objects go before what they need to go: the manager, and the appliances.
func (c *cluster) remove(failed bool) error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if failed {
		c.explain(ctx)
	}
	var err error
	if c.manifest != "" {
		for _, names := range [][]string{{paymentsNamespace}, {platformNamespace}, {applianceNamespace}} {
			_, failure := c.run(ctx, "", append([]string{"delete", "namespace", "--ignore-not-found"}, names...)...)
			err = errors.Join(err, failure)
		}
		_, failure := c.run(ctx, "", "delete", "--ignore-not-found", "-f", c.manifest)
		err = errors.Join(err, failure)
	}
	return errors.Join(err, c.forward.Stop(), os.RemoveAll(c.dir))
}

// explain shows what a failure may come from.
func (c *cluster) explain(ctx context.Context) {
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

// TestTheInstallationIsRestricted proves that the pods come up where only restricted pods may, and that the namespaces
// of this test really refuse others.
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
			t.Errorf("a pod that is not restricted in %s: %v", namespace, err)
		}
	}
	s.expectRestricted(operatorNamespace)
	s.expectRestricted(applianceNamespace)
	s.step("every namespace refuses a pod that is not restricted, and no pod of ours can write to its root")
}

// expectRestricted looks at what admission does not ask for, beside what it does.
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
				s.Errorf("container %s of pod %s can write to its root", container.Name, pods.Items[i].Name)
			}
		}
	}
}
