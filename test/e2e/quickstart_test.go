// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/process"
	"github.com/pam-operator/pam-operator/test/pages"
)

// quickstart is docs/quickstart.md up to the clean-up, with simulated appliances on this machine.
type quickstart struct {
	page     pages.Page
	sps, nps string
}

// withoutACluster are commands that are of no use here: nothing is built or installed.
var withoutACluster = regexp.MustCompile(`^(make|helm) `)

// TestTheQuickstartLeadsToASession follows the page with the built manager and simulator: every manifest is applied as
// it is, except for addresses, and every wait of the page must succeed. There are no nodes, so the simulator is started
// with the arguments of the page's Deployment, outside of the cluster. test/cluster follows the whole page.
func TestTheQuickstartLeadsToASession(t *testing.T) {
	c := theCluster(t)
	q := readQuickstart(t)
	m := newManager(t, c, "pam-system,payments")
	m.start(t)
	ran, started := 0, false
	for _, b := range q.page.Blocks {
		if b.Exemption != "" || b.Section == "8. Clean up" {
			continue
		}
		ran += q.run(t, c, b)
		if arguments := q.arguments(t, c); !started && arguments != nil {
			q.startSimulator(t, arguments)
			started = true
		}
	}
	if ran < 10 {
		t.Errorf("%d commands of the page ran", ran)
	}
	c.kubectl(t, "", "delete", "namespace", "payments", "pam-system", "pam-simulator", "--timeout=60s")
	m.stop(t)
}

func readQuickstart(t *testing.T) *quickstart {
	t.Helper()
	content, err := os.ReadFile("../../docs/quickstart.md")
	if err != nil {
		t.Fatal(err)
	}
	q := &quickstart{sps: freeAddress(t), nps: freeAddress(t)}
	changed := strings.NewReplacer(
		"pam-simulator.pam-simulator.svc:8443", q.sps, "pam-simulator.pam-simulator.svc:6500", q.nps,
		"=:8443", "="+q.sps, "=:6500", "="+q.nps, "=/certificates", "="+t.TempDir(),
	).Replace(string(content))
	file := filepath.Join(t.TempDir(), "quickstart.md")
	//nolint:gosec // G703: the folder is the test's own
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if q.page, err = pages.Read(file); err != nil {
		t.Fatal(err)
	}
	return q
}

func (q *quickstart) startSimulator(t *testing.T, arguments []string) {
	t.Helper()
	command := slices.Concat([]string{binary(t, "pam-simulator"), "--control-address=127.0.0.1:0"}, arguments)
	p, err := process.Start(t.Context(), filepath.Join(t.TempDir(), "simulator.log"), nil, command...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	NewWithT(t).Eventually(func() error {
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", q.nps)
		if err == nil {
			_ = connection.Close()
		}
		return err
	}).WithTimeout(within).WithPolling(pollInterval).Should(Succeed())
}

// arguments are those of the page's Deployment; nil before it is applied.
func (q *quickstart) arguments(t *testing.T, c *cluster) []string {
	t.Helper()
	d := &appsv1.Deployment{}
	err := c.client.Get(t.Context(), client.ObjectKey{Namespace: "pam-simulator", Name: "pam-simulator"}, d)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return d.Spec.Template.Spec.Containers[0].Args
}

// run runs the commands of a block, and returns how many are of kubectl.
func (q *quickstart) run(t *testing.T, c *cluster, b pages.Block) (ran int) {
	t.Helper()
	script := b.Script(withoutACluster.MatchString)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Env = []string{
		"PATH=" + filepath.Dir(c.plane.Kubectl()) + ":" + os.Getenv("PATH"), "KUBECONFIG=" + c.plane.KubeconfigFile,
		"HOME=" + c.dir,
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.Count("\n"+script, "\nkubectl ")
}
