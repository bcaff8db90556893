// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

func TestAnErrorHasItsExitCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code int
	}{
		"none":              {nil, 0},
		"a denied session":  {refused(frame.Nof("denied")), 125},
		"a missing right":   {refused(errors.New("forbidden")), 125},
		"wrong usage":       {noSession(frame.Usagef("what?")), 125},
		"an interruption":   {refused(frame.Interrupted(syscall.SIGTERM)), 143},
		"a hang-up":         {refused(frame.Interrupted(syscall.SIGHUP)), 129},
		"a failure of CMD":  {noSession(frame.Exit(1, nil)), 1},
		"CMD is not there":  {refused(unstartable(exec.ErrNotFound)), 127},
		"CMD is no file":    {refused(unstartable(fs.ErrNotExist)), 127},
		"CMD is no program": {refused(unstartable(fs.ErrPermission)), 126},
		"CMD is a folder":   {refused(unstartable(syscall.EISDIR)), 126},
		"CMD has no format": {refused(unstartable(syscall.ENOEXEC)), 126},
	} {
		if code, _ := frame.Code(t.Context(), c.err); code != c.code {
			t.Errorf("%s: %d, want %d", name, code, c.code)
		}
	}
}

func TestWhatGoesWrongWithTheSessionDoesNotHideAFailure(t *testing.T) {
	t.Parallel()
	left := errors.New("left")
	for name, c := range map[string]struct {
		outcome
		want int
	}{
		"all is well":                          {outcome{}, 0},
		"CMD failed":                           {outcome{code: 3}, 3},
		"the session could not be ended":       {outcome{ending: left}, 125},
		"nor could it, and CMD failed":         {outcome{code: 3, ending: left}, 3},
		"the session ended first":              {outcome{code: 143, over: true}, 125},
		"the session ended first, and CMD did": {outcome{over: true}, 125},
	} {
		if got := c.exit(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestASignalLeadsToAReaction(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type press struct {
		signal   os.Signal
		terminal bool
		after    time.Duration
	}
	for name, c := range map[string]struct {
		presses []press
		want    reaction // to the last one
	}{
		"an interruption":         {[]press{{os.Interrupt, false, 0}}, reaction{forward: true}},
		"Ctrl-C, which CMD has":   {[]press{{os.Interrupt, true, 0}}, reaction{}},
		"Ctrl-C twice":            {[]press{{os.Interrupt, true, 0}, {os.Interrupt, true, 1}}, reaction{terminate: true}},
		"Ctrl-C, and another one": {[]press{{os.Interrupt, true, 0}, {os.Interrupt, true, time.Minute}}, reaction{}},
		"SIGQUIT":                 {[]press{{syscall.SIGQUIT, false, 0}}, reaction{forward: true}},
		"SIGQUIT, which CMD has":  {[]press{{syscall.SIGQUIT, true, 0}}, reaction{}},
		"SIGTERM":                 {[]press{{syscall.SIGTERM, false, 0}}, reaction{forward: true, terminate: true}},
		"SIGTERM at a terminal":   {[]press{{syscall.SIGTERM, true, 0}}, reaction{forward: true, terminate: true}},
		"a hang-up":               {[]press{{syscall.SIGHUP, true, 0}}, reaction{forward: true, terminate: true}},
	} {
		var r reactions
		var got reaction
		for _, p := range c.presses {
			got = r.to(p.signal, p.terminal, began.Add(p.after))
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(reaction{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAPodIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		file string
		want pod
	}{
		"nowhere": {nil, "", pod{}},
		"by the downward API": {
			map[string]string{"POD_NAME": "a", "POD_NAMESPACE": "b", "POD_UID": "c", "KUBERNETES_SERVICE_HOST": "x"}, "d",
			pod{"a", "b", "c"},
		},
		"by the name of the host":  {map[string]string{"KUBERNETES_SERVICE_HOST": "x"}, "d\n", pod{"host", "d", ""}},
		"without a namespace":      {map[string]string{"POD_NAME": "a"}, "", pod{"a", "", ""}},
		"a machine with the token": {nil, "d", pod{}},
	} {
		m := machine{
			getenv:   func(name string) string { return c.env[name] },
			hostname: func() (string, error) { return "host", nil },
			readFile: func(string) ([]byte, error) {
				if c.file == "" {
					return nil, fs.ErrNotExist
				}
				return []byte(c.file), nil
			},
		}
		if got := m.pod(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestACommandLineIsDivided(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options
		dash int
		args []string
		ok   bool
	}{
		"a command":                 {options{}, 0, []string{"true"}, true},
		"none":                      {options{}, -1, nil, false},
		"none behind --":            {options{}, 0, nil, false},
		"not behind --":             {options{}, -1, []string{"true"}, false},
		"in front of --":            {options{}, 1, []string{"x", "true"}, false},
		"none to hold":              {options{hold: true}, -1, nil, true},
		"one with nothing to run":   {options{hold: true}, 0, []string{"true"}, false},
		"files, and a command, too": {options{writeOnly: "d"}, 0, []string{"true"}, false},
	} {
		if err := c.divide(c.dash, c.args); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheFrameOfATestRunsACommand(t *testing.T) {
	t.Parallel()
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	for command, want := range map[string]int{"exit 7": 7, "kill -9 $$": 137, "true": 0} {
		path, err := find([]string{"sh"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := start(frame.New(streams, ""), path, []string{"sh", "-c", command}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if code := <-c.done; code != want {
			t.Errorf("%s: %d, want %d; %s", command, code, want, out)
		}
	}
}
