// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pam-operator/pam-operator/test/pages"
)

// asReleased is the helm of a reader. A release of the chart names its own image; here that is the image under test.
const asReleased = `#!/bin/bash
case "$1" in install | upgrade | template) set -- "$@" --set "$IMAGE_VALUES" ;; esac
exec "$HELM" "$@"
`

// simulatorImage is what docs/quickstart.md calls the image of the simulator. The image under test contains it.
const simulatorImage = "registry.example.com/pam-simulator:quickstart"

// prepareReader makes a folder with the programs that pages use, and nothing that the user has configured.
func (c *cluster) prepareReader(helm string) error {
	if !filepath.IsAbs(helm) { // then it is relative to the repository, as in the Makefile
		var err error
		if helm, err = filepath.Abs(filepath.Join(root, helm)); err != nil {
			return err
		}
	}
	kubeconfig, err := filepath.Abs(os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	bin := filepath.Join(c.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(bin, "helm"), []byte(asReleased), 0o700); err != nil {
		return err
	}
	c.reader = []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + c.dir, "KUBECONFIG=" + kubeconfig,
		"HELM=" + helm, "IMAGE_VALUES=" + imageValues(c.image),
	}
	return os.Symlink(c.kubectl, filepath.Join(bin, "kubectl"))
}

// imageValues are the values of the chart for an image, as --set takes them.
func imageValues(image string) string {
	repository, digest, _ := strings.Cut(image, "@")
	tag := ""
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		repository, tag = repository[:colon], repository[colon+1:]
	}
	return fmt.Sprintf("image.registry=,image.repository=%s,image.tag=%s,image.digest=%s", repository, tag, digest)
}

// section returns the blocks below a heading of a page.
func (s *scenario) section(page, title string) []pages.Block {
	s.Helper()
	blocks, err := section(page, title)
	s.must(err)
	return blocks
}

func section(page, title string) ([]pages.Block, error) {
	p, err := pages.Read(filepath.Join(root, "docs", page))
	if err != nil {
		return nil, err
	}
	blocks := p.Section(title)
	if len(blocks) == 0 {
		return nil, fmt.Errorf("docs/%s has no commands below %q", page, title)
	}
	return blocks, nil
}

// follow does what a block says, and returns what that printed.
func (c *cluster) follow(ctx context.Context, b pages.Block) (string, error) {
	if b.Manifest() {
		return c.shell(ctx, b.Text, "kubectl apply -f -")
	}
	return c.shell(ctx, "", b.Script(ofMake))
}

// ofMake reports whether a command builds something, which has been done before these tests.
func ofMake(command string) bool { return strings.HasPrefix(command, "make ") }

// shell runs a script in the folder of the repository, as somebody who has only kubectl and helm.
func (c *cluster) shell(ctx context.Context, stdin, script string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c",
		strings.ReplaceAll(script, simulatorImage, c.image))
	cmd.Dir, cmd.Env, cmd.Stdin = root, c.reader, strings.NewReader(strings.ReplaceAll(stdin, simulatorImage, c.image))
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", script, err, out)
	}
	return string(out), err
}

// follow does what a block says, and fails the scenario if that fails.
func (s *scenario) follow(b pages.Block) string {
	s.Helper()
	out, err := s.cluster.follow(s.Context(), b)
	s.must(err)
	return out
}

// shell runs a script as somebody who has only kubectl and helm, and fails the scenario if that fails.
func (s *scenario) shell(script string) string {
	s.Helper()
	out, err := s.cluster.shell(s.Context(), "", script)
	s.must(err)
	return out
}
