// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/test/pages"
)

// TestTheQuickstart follows docs/quickstart.md from its first line to its last, with everything that the page says. The
// images are those under test. Every block must succeed, and in the end nothing may be left in the cluster.
func TestTheQuickstart(t *testing.T) {
	s := newEmptyScenario(t)
	page, err := pages.Read(filepath.Join(root, "docs", "quickstart.md"))
	s.must(err)
	s.touched = true
	section, ran := "", 0
	for _, b := range page.Blocks {
		if b.Exemption == "needs kind" {
			continue
		}
		if b.Section != section {
			section = b.Section
			s.step("%s", section)
		}
		ran++
		if strings.HasPrefix(b.Text, "kubectl port-forward ") {
			s.forwardAsThePageSays(b)
			continue
		}
		for line := range strings.Lines(s.follow(b)) {
			s.Logf("            %s", strings.TrimRight(line, "\n"))
		}
	}
	if ran < 15 {
		t.Errorf("the page has %d blocks that ran", ran)
	}
	found, err := s.leftovers(s.Context())
	s.must(err)
	if len(found) > 0 {
		t.Fatalf("the page leaves behind: %s", strings.Join(found, ", "))
	}
	s.touched = false
	s.step("nothing is left in the cluster")
}

// forwardAsThePageSays runs the command of a second terminal.
func (s *scenario) forwardAsThePageSays(b pages.Block) {
	s.Helper()
	command := strings.Fields(b.Script(nil))
	command[0] = s.kubectl
	address, forward, err := s.forwarded(s.Context(), command...)
	s.must(err)
	s.Cleanup(func() { _ = forward.Stop() }) // it may have ended with the pod
	s.step("%s is forwarded", address)
}
