// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTheLinesThatTheDemoPrintsWorkAsPrinted runs the demo until it stays, and then all commands that it shows, in one
// shell and in their order.
func TestTheLinesThatTheDemoPrintsWorkAsPrinted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	binary(t, "kubectl-pam")
	demo := exec.CommandContext(ctx, binary(t, "pam-demo"))
	demo.Dir = filepath.Join("..", "..")
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	demo.WaitDelay = time.Minute
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	script, shown := guide(out)
	go func() { _, _ = io.Copy(io.Discard, out) }() // it goes on telling what happens
	if !strings.Contains(script, "kubectl pam ") {
		t.Fatalf("the demo shows no command of the plugin:\n%s", shown)
	}
	shell := exec.CommandContext(ctx, "bash", "-euxo", "pipefail", "-c", script)
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	for _, want := range []string{
		"db-maintenance", "rdp_legacy", "2 adopted, 0 refused", "ssh://...@",
		"session db-maintenance is over",
	} {
		if !strings.Contains(string(output), want) {
			t.Errorf("the commands do not show %q:\n%s", want, output)
		}
	}
	if err := demo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("the demo ends with %v", err)
	}
}

// guide reads what the demo prints up to the last command that it shows, and returns the commands and all of it.
func guide(out io.Reader) (script, shown string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		shown += line + "\n"
		command := strings.TrimPrefix(line, "  ")
		if line != command && (strings.HasPrefix(command, "kubectl ") || strings.HasPrefix(command, "export ")) {
			script += command + "\n"
		}
		if strings.HasPrefix(command, "kubectl pam session cancel ") {
			break
		}
	}
	return script, shown
}
