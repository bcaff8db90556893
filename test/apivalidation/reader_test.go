// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
)

const samplesDir = "../../config/samples"

// stub is the kubectl of a reader. No controller acts here, and later blocks need the objects: what would be removed is
// only tried, and what would be waited for only looked up.
const stub = `#!/bin/bash
set -eu
case "$1" in
delete|scale) exec "$KUBECTL" "$@" --dry-run=server ;;
wait)
  if out=$("$KUBECTL" "$@" --timeout=0s 2>&1) || [[ $out == *"condition not met for "* ]]; then exit; fi
  echo "$out"; exit 1 ;;
esac
exec "$KUBECTL" "$@"
`

// reader does what pages say, on a cluster of its own and in a folder with the files that they mention.
type reader struct {
	plane       *controlplane.ControlPlane
	dir         string
	environment []string
}

func newReader(ctx context.Context) *reader {
	GinkgoHelper()
	started, err := controlplane.Start(context.WithoutCancel(ctx), controlplane.Options{CRDDirs: []string{crdDir}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(started.Stop)
	r := &reader{plane: started, dir: GinkgoT().TempDir()}
	bin := filepath.Join(r.dir, "bin")
	Expect(os.Mkdir(bin, 0o700)).To(Succeed())
	program := filepath.Join(bin, "kubectl")
	Expect(os.WriteFile(program, []byte(stub), 0o700)).To(Succeed())
	Expect(os.Symlink(r.plane.Kubectl(), filepath.Join(bin, "kubectl-really"))).To(Succeed())
	r.environment = []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "KUBECTL=" + r.plane.Kubectl(),
		"KUBECONFIG=" + r.plane.KubeconfigFile,
		"HOME=" + r.dir, "NEW=a new password",
	}
	r.writeFiles()
	return r
}

func (r *reader) writeFiles() {
	GinkgoHelper()
	pair := builder.Certificate(x509.Certificate{})
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	Expect(err).NotTo(HaveOccurred())
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	for name, content := range map[string][]byte{
		"tls.crt": certificate, "tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"nps-ca.crt": certificate, "api-key": []byte(`a\b"c`), "pfx-password": []byte("x"),
	} {
		Expect(os.WriteFile(filepath.Join(r.dir, name), content, 0o600)).To(Succeed())
	}
}

// installRoles creates the roles for users that every installation has.
func (r *reader) installRoles(ctx context.Context) {
	GinkgoHelper()
	installed, err := installation.Render(ctx, r.plane.Kubectl(), "../../config/default")
	Expect(err).NotTo(HaveOccurred())
	var roles []client.Object
	for _, object := range installed.Objects {
		if object.GetKind() == "ClusterRole" {
			roles = append(roles, object)
		}
	}
	manifest, err := builder.Manifest(roles...)
	Expect(err).NotTo(HaveOccurred())
	r.applyText(ctx, manifest)
}

// run runs a script and fails the test with its output if any command fails.
func (r *reader) run(ctx context.Context, script string) {
	r.exec(ctx, "", "bash", "-euo", "pipefail", "-c", script)
}

func (r *reader) exec(ctx context.Context, stdin, name string, arguments ...string) {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, r.environment, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "%s\n%s", arguments[len(arguments)-1], out)
}

// applyText applies a manifest as readers do, with unknown fields refused.
func (r *reader) applyText(ctx context.Context, manifest string) {
	GinkgoHelper()
	r.exec(ctx, manifest, r.plane.Kubectl(), "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
}

func (r *reader) apply(ctx context.Context, flag, folder string) {
	GinkgoHelper()
	path, err := filepath.Abs(folder)
	Expect(err).NotTo(HaveOccurred())
	r.exec(ctx, "", r.plane.Kubectl(), "apply", "--server-side", "--force-conflicts", flag, path)
}

var (
	helmCommand = regexp.MustCompile(`^helm (install|upgrade|template|uninstall) `)
	makeCommand = regexp.MustCompile(`^make ([a-z-]+)`)
)

// leftToOthers reports whether a command does not run here. Those of Helm are left to test/chart, and of a target of
// make only its existence is checked.
func leftToOthers(command string) bool {
	GinkgoHelper()
	target := makeCommand.FindStringSubmatch(command)
	if target != nil {
		makefile, err := os.ReadFile("../../Makefile")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(makefile)).To(MatchRegexp(`(?m)^` + target[1] + `:`))
	}
	return target != nil || helmCommand.MatchString(command)
}
