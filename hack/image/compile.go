// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// compiler builds static Linux binaries of the module in a folder. The same sources and the same Go release give the
// same bytes on every machine: the path of the sources and the state of the checkout are left out, and the environment
// does not choose the instruction set.
type compiler struct {
	module            string // the folder
	version, revision string
	out               string // the folder for the binaries
}

// buildFlags are the arguments of go for every binary. The Dockerfile has the same.
func buildFlags(version, revision string) []string {
	return []string{
		"build", "-buildvcs=false", "-trimpath",
		"-ldflags", "-s -w -X main.version=" + version + " -X main.revision=" + revision,
	}
}

func (c compiler) compile(ctx context.Context, b binary, architecture string) ([]byte, error) {
	out, err := filepath.Abs(filepath.Join(c.out, b.name+"_linux_"+architecture))
	if err != nil {
		return nil, err
	}
	//nolint:gosec // G204: the arguments are those of this program's own caller
	command := exec.CommandContext(ctx, "go", append(buildFlags(c.version, c.revision), "-o", out, b.pkg)...)
	command.Dir = c.module
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture,
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off")
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("build %s for %s: %w", b.pkg, architecture, err)
	}
	return os.ReadFile(out) //nolint:gosec // G304: it was written just now
}
