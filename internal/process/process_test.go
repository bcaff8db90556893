// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bufio"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(t.Context(), filepath.Join(t.TempDir(), "log"), nil, "bash", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

func TestStopEndsAProcess(t *testing.T) {
	const wait = "echo ready; sleep 600 & wait"
	tests := map[string]struct{ script, want string }{
		"that takes no notice of signals": {"echo ready; exec sleep 600", ""},
		"that ends well":                  {"trap 'kill %1; exit 0' TERM; " + wait, ""},
		"that ends badly":                 {"trap 'kill %1; exit 7' TERM; " + wait, "bash ended with exit status 7"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			output, stdout := io.Pipe()
			p, err := Start(t.Context(), filepath.Join(t.TempDir(), "log"), stdout, "bash", "-c", tt.script)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			err = p.Stop()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err := p.Stop(); err != nil {
				t.Errorf("second stop: %v", err)
			}
		})
	}
}

func TestStopOfWhatWasNeverStarted(t *testing.T) {
	var p *Process
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestFailureExplainsAnEnd(t *testing.T) {
	p := start(t, `for i in {1..40}; do echo "line $i"; done; echo alas >&2; exit 3`)
	<-p.Done()
	err := p.Failure()
	for _, want := range []string{"bash exited unexpectedly (exit status 3)", "\nline 27\n", "line 40\nalas"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "line 26\n") {
		t.Errorf("more than the end of the log:\n%v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stop reports it again: %v", err)
	}
}

func TestKillEndsAProcessThatTakesNoNotice(t *testing.T) {
	output, stdout := io.Pipe()
	script := "trap '' TERM; echo ready; exec sleep 600"
	p, err := Start(t.Context(), filepath.Join(t.TempDir(), "log"), stdout, "bash", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stop after it: %v", err)
	}
}

func TestKillOfWhatHasEndedFails(t *testing.T) {
	p := start(t, "exit 3")
	<-p.Done()
	if err := p.Kill(); err == nil {
		t.Error("no error")
	}
}

func TestFreezeStopsAProcessUntilThaw(t *testing.T) {
	output, stdout := io.Pipe()
	p, err := Start(t.Context(), filepath.Join(t.TempDir(), "log"), stdout, "bash", "-c", "while :; do echo alive; done")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	lines := make(chan string, 1<<20)
	go func() {
		scanner := bufio.NewScanner(output)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			default: // enough
			}
		}
	}()
	<-lines
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	for quiet := false; !quiet; {
		select {
		case <-lines:
		case <-time.After(200 * time.Millisecond):
			quiet = true
		}
	}
	if err := p.Thaw(); err != nil {
		t.Fatal(err)
	}
	<-lines
}
