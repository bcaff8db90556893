// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// What is printed, and the codes 0, 1 and 2, are in the golden files.
var _ = Describe("A wait for what never comes", Ordered, Serial, func() {
	var s *site
	values := map[string]string{}
	BeforeAll(func(ctx context.Context) {
		lead(ctx)
		s = newSite(ctx)
		s.start(ctx, "--name", "live", "--duration", "1h")
		s.create(ctx, s.policy("lost", builder.Connection("missing", "")),
			s.policy("pinned", builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
				p.Finalizers = []string{"example.com/pinned"}
			})))
		s.ready(ctx, "rdpcp/pinned")
		DeferCleanup(func(ctx context.Context) {
			o := s.policy("pinned")
			change(ctx, o, func() { o.Finalizers = nil })
		})
		values["LOST"] = filepath.Join(GinkgoT().TempDir(), "lost.yaml")
		writeManifest(values["LOST"], s.policy("lost-too", builder.Connection("missing", "")))
		s.nps.SetSwitches(func(o *simnps.Switches) { o.ProvisioningDelay = simnps.Duration(time.Hour) })
	})

	lines := []string{
		"status rdpcp/lost --wait",
		"diff rdpcp/lost --refresh",
		"reconcile rdpcp/lost",
		"resume rdpcp/lost --wait",
		"terminate svc/x:1 --connection missing --yes",
		"export --connection missing -o yaml",
		"unmanaged --connection missing",
		"adopt -f $LOST",
		"release rdpcp/pinned --yes",
		"session start --connection nps --activity 'Linux root' --resource " + builder.DefaultResource,
	}
	// These wait for a server that is away.
	onServer := []string{
		"session refresh live", "session extend live --by 30m", "session cancel live",
	}

	ends := func(text string) {
		It("ends with 124 or 130: "+text, func(ctx context.Context) {
			args := (&scene{site: s, values: values}).words(text)
			late := pam(ctx, append(args, "--timeout", "1s")...)
			Expect(late.Code).To(Equal(frame.ExitTimeout), late.String())
			Expect(late.Err).To(ContainSubstring("the time limit passed"))
			for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
				interrupted, cancel := context.WithTimeoutCause(ctx, time.Second, frame.Interrupted(signal))
				r := pam(interrupted, args...)
				cancel()
				Expect(r.Code).To(Equal(code), r.String())
				Expect(r.Err).To(HaveSuffix("error: interrupted\n"))
			}
		})
	}
	for _, text := range lines {
		ends(text)
	}
	It("has a server that goes away", func(ctx context.Context) {
		s.stop()
		s.in(ctx, "npsc/nps", "Unreachable")
	})
	for _, text := range onServer {
		ends(text)
	}
})
