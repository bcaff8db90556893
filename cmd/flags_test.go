// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"strings"
	"testing"
	"time"
)

// TestWhatAManagerDoesThatIsToldNothing: an installation that leaves a flag out is as safe as one that knows it.
func TestWhatAManagerDoesThatIsToldNothing(t *testing.T) {
	s, err := parse(flag.NewFlagSet("manager", flag.ContinueOnError), nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, holds := range map[string]bool{
		"acts only while it has the lease":                        s.leaderElect,
		"stops renewing before others take over":                  s.renewDeadline < s.leaseDuration,
		"serves no metrics unless told where":                     s.metricsAddress == "0",
		"serves metrics over TLS, to those who may read them":     s.metricsSecure,
		"serves no profiles":                                      s.pprofAddress == "0",
		"speaks no HTTP/2 where it serves":                        !s.http2,
		"sends traces nowhere":                                    s.tracing.Endpoint == "" && !s.tracing.Insecure,
		"bounds how often an NPSConnection may have it poll":      s.minPoll == 500*time.Millisecond,
		"bounds how many requests an NPSConnection may have":      s.maxRequests == 200,
		"bounds the memory that answers take":                     s.answerMemory > 0 && s.answerMemory <= 192<<20,
		"lets a deletion end":                                     s.deletionWait > 0 && s.blockedWait > 0,
		"searches for the session of an unanswered request first": s.recoveryWindow > 0,
	} {
		if !holds {
			t.Errorf("a manager that is told nothing no longer %s: %+v", what, s)
		}
	}
}

// TestFlagsThatCannotBeRead: a typing error does not go unnoticed.
func TestFlagsThatCannotBeRead(t *testing.T) {
	for _, argument := range []string{
		"--leader-elect=perhaps", "--min-poll-interval=1", "--max-answer-memory=much", "--unknown",
	} {
		flags := flag.NewFlagSet("manager", flag.ContinueOnError)
		flags.SetOutput(t.Output())
		if _, err := parse(flags, []string{argument}); err == nil {
			t.Errorf("%s is accepted", argument)
		}
	}
}

// TestFlagsThatContradictEachOther are refused at once, by the names of the flags, and not by leader election.
func TestFlagsThatContradictEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		want      []string // in the message; empty if they are accepted
	}{
		"the defaults": {},
		"a lease that ends before its renewal": {
			[]string{"--leader-elect-lease-duration=5s"},
			[]string{"--leader-elect-lease-duration=5s", "--leader-elect-renew-deadline=10s"},
		},
		"a lease that ends with its renewal": {
			[]string{"--leader-elect-lease-duration=10s"}, []string{"--leader-elect-renew-deadline=10s"},
		},
		"no time for a second try": {
			[]string{"--leader-elect-retry-period=9s"},
			[]string{"--leader-elect-retry-period=9s", "--leader-elect-renew-deadline=10s"},
		},
		"no time between tries": {[]string{"--leader-elect-retry-period=0s"}, []string{"--leader-elect-retry-period=0s"}},
		"no lease at all":       {arguments: []string{"--leader-elect=false", "--leader-elect-lease-duration=5s"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parse(flag.NewFlagSet("manager", flag.ContinueOnError), c.arguments)
			if err != nil {
				t.Fatal(err)
			}
			err = s.contradiction()
			if (err == nil) != (len(c.want) == 0) {
				t.Errorf("%v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("no %s in: %v", want, err)
				}
			}
		})
	}
}
