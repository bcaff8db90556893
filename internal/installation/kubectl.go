// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl with the given standard input and returns its output; its standard error becomes part of the
// error.
func Kubectl(ctx context.Context, kubectl, stdin string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, kubectl, arguments...) //nolint:gosec // G204: the caller's kubectl
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}
