// SPDX-License-Identifier: Apache-2.0

package frame_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestAnErrorHasItsExitCode(t *testing.T) {
	t.Parallel()
	expired, cancel := frame.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-expired.Done()
	stopped, stop := context.WithCancelCause(t.Context())
	stop(frame.Interrupted(syscall.SIGTERM))
	for name, c := range map[string]struct {
		ctx     context.Context
		err     error
		code    int
		message string
	}{
		"nothing":                  {t.Context(), nil, 0, ""},
		"an error":                 {t.Context(), errors.New("no"), 2, "no"},
		"the answer no":            {t.Context(), frame.No(), 1, ""},
		"the answer no, explained": {t.Context(), fmt.Errorf("x: %w", frame.Nof("because %d", 1)), 1, "because 1"},
		"a client's own code":      {t.Context(), frame.Exit(42, nil), 42, ""},
		"wrong usage":              {t.Context(), frame.Usagef("what?"), 2, "what?"},
		"a time limit": {
			t.Context(), fmt.Errorf("x: %w", context.Cause(expired)), 124, "x: the time limit passed",
		},
		"an interruption": {stopped, context.Cause(stopped), 143, "interrupted"},
		"what an interruption led to": {
			stopped, errors.New("client rate limiter Wait returned an error: context canceled"), 143, "interrupted",
		},
		"a code of its own in spite of an interruption": {stopped, frame.Exit(7, nil), 7, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, message := frame.Code(c.ctx, c.err)
			text := ""
			if message != nil {
				text = message.Error()
			}
			if code != c.code || text != c.message {
				t.Errorf("%d %q, want %d %q", code, text, c.code, c.message)
			}
		})
	}
	if err := frame.Cause(expired, errors.New("context deadline exceeded")); !strings.Contains(err.Error(), "time limit") {
		t.Error(err)
	}
}

func TestAVersionWithAnotherMinorDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plugin, operator string
		want             bool
	}{
		"the same":              {"v1.2.3", "1.2.3", false},
		"another patch":         {"v1.2.3", "v1.2.9", false},
		"another minor":         {"v1.2.3", "1.3.0", true},
		"another major":         {"v2.2.3", "1.2.3", true},
		"a pre-release":         {"v1.2.3-rc.1", "1.2.0", false},
		"a build from source":   {"6fb68a4", "1.2.3", false},
		"dev":                   {"dev", "1.2.3", false},
		"an operator without":   {"v1.2.3", "", false},
		"an operator of source": {"v1.2.3", "v1.3.0-4-gabcdef", true},
	} {
		if got := frame.Skewed(c.plugin, c.operator); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestAGuardNamesWhoOwnsTheObject(t *testing.T) {
	t.Parallel()
	for want, user := range map[string]*pamv1alpha1.LocalUser{
		"": builder.LocalUser("a"),
		"the Argo CD application shop": builder.LocalUser("a",
			builder.Annotation("argocd.argoproj.io/tracking-id", "shop:x/y:z/a")),
		"the Flux HelmRelease apps/release": builder.LocalUser("a", builder.Label("helm.toolkit.fluxcd.io/name", "release"),
			builder.Label("helm.toolkit.fluxcd.io/namespace", "apps")),
		"the Flux Kustomization apps/all": builder.LocalUser("a", builder.Label("kustomize.toolkit.fluxcd.io/name", "all"),
			builder.Label("kustomize.toolkit.fluxcd.io/namespace", "apps")),
	} {
		err := frame.Guard(user, "lu/a", "spec.suspend: true", false)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if err := frame.Guard(user, "lu/a", "spec.suspend: true", true); err != nil {
			t.Errorf("with --force: %v", err)
		}
	}
}

func TestALineOfProgressIsRewrittenOnATerminalOnly(t *testing.T) {
	t.Parallel()
	streams, _, _, out := genericiooptions.NewTestIOStreams()
	f := frame.New(streams, "")
	f.Aside = printer.Screen{Width: 40, UTF8: true}
	p := f.Progress()
	for _, n := range []int{1, 1, 2} {
		p.Show("%d of 2", n)
	}
	p.Done()
	if got, want := out.String(), "◌ 1 of 2\n◌ 2 of 2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	out.Reset()
	f.Aside.Terminal, f.Aside.Cut = true, true
	p = f.Progress()
	p.Show("%s", strings.Repeat("x", 100))
	p.Done()
	got := out.String()
	if strings.Contains(got, "\n") || !strings.HasSuffix(got, "\r\x1b[K") || strings.Count(got, "x") > 38 {
		t.Errorf("%q", got)
	}
}
