// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// options are the flags. The defaults are the sizes of the budgets.
type options struct {
	scenarios []scenario
	root, bin string
	keep      bool

	writeDelay, commitDelay time.Duration
	policies                int // of the scenarios apply and hold
	plain                   int // objects that the plain procedure creates
	changes, refused        int // of the scenario refusals
	idle, secrets           int // of the scenario idle
	exports                 int // policies of the scenario export
	interval                time.Duration
	intervals               int
	maxHold                 time.Duration
	sessions, burst         int // of the scenario sessions
	sessionRate             int // how many of them are requested per second
	requests                int // requestsPerSecond of the connection
	starting, active        time.Duration
	provisioning            time.Duration
	scriptInterval          time.Duration
	hungPolicies            int // of the scenario neighbours
	hungSessions            int
	deadConnections         int
	refusedBeside           int
	takes                   int // how often a time is measured
	appliances              int // of the scenario appliances
	perAppliance            int
	patience                time.Duration

	// full reports whether everything was measured, at the sizes of the budgets.
	full bool
}

func parse(arguments []string, stderr io.Writer) (options, error) {
	var (
		o         options
		only      string
		plainFull bool
	)
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	names := strings.Join(scenarioNames(), ",")
	flags.StringVar(&only, "only", names, "comma-separated scenarios to run")
	flags.StringVar(&o.root, "root", ".", "root folder of the repository")
	flags.StringVar(&o.bin, "bin", "bin", "folder with the manager binary")
	flags.BoolVar(&o.keep, "keep", false, "keep the folders with logs, kubeconfig and the calls to the appliance")
	flags.DurationVar(&o.writeDelay, "write-delay", 20*time.Millisecond, "duration of a write on the appliance")
	flags.DurationVar(&o.commitDelay, "commit-delay", 2*time.Second, "duration of a commit on the appliance")
	flags.IntVar(&o.policies, "policies", 1000, "policies applied at once")
	flags.IntVar(&o.plain, "plain", 40, "objects that the plain procedure creates; compared by the time per object")
	flags.BoolVar(&plainFull, "plain-full", false, "let the plain procedure create -policies objects; takes half an hour")
	flags.IntVar(&o.changes, "changes", 500, "changes, some of which are refused at the commit")
	flags.IntVar(&o.refused, "refused", 3, "how many of the changes are refused")
	flags.IntVar(&o.idle, "idle", 10_000, "idle policies")
	flags.IntVar(&o.exports, "exports", 2000, "policies that are exported")
	flags.IntVar(&o.secrets, "secrets", 30_000, "foreign Secrets in the cluster of the idle policies")
	flags.DurationVar(&o.interval, "interval", 10*time.Second, "driftCheckInterval of the idle policies")
	flags.IntVar(&o.intervals, "intervals", 6, "number of intervals for which the idle policies are watched")
	flags.DurationVar(&o.maxHold, "max-hold", 5*time.Second, "maxHold of the scenario hold")
	flags.IntVar(&o.sessions, "sessions", 2000, "live sessions")
	flags.IntVar(&o.sessionRate, "session-rate", 10, "sessions requested per second")
	flags.IntVar(&o.burst, "burst", 200, "additional sessions that become active at once")
	flags.IntVar(&o.requests, "requests-per-second", 100, "requestsPerSecond of the sessions' connection")
	flags.DurationVar(&o.starting, "poll-starting", 2*time.Second, "polling.starting of the sessions")
	flags.DurationVar(&o.active, "poll-active", 15*time.Second, "polling.active of the sessions")
	flags.DurationVar(&o.provisioning, "provisioning", 25*time.Second, "maximum time that the server takes to start a "+
		"session; the minimum is a fifth of it")
	flags.DurationVar(&o.scriptInterval, "script-interval", 15*time.Second, "interval at which the vendor's script polls "+
		"its session")
	flags.IntVar(&o.hungPolicies, "hung-policies", 1200, "policies of a hanging appliance")
	flags.IntVar(&o.hungSessions, "hung-sessions", 150, "sessions of a hanging server")
	flags.IntVar(&o.deadConnections, "dead-connections", 400, "connections to an address that accepts but never responds")
	flags.IntVar(&o.refusedBeside, "refused-beside", 40, "policies of another namespace that are refused at the commit")
	flags.IntVar(&o.takes, "takes", 5, "how often each time is measured beside them")
	flags.IntVar(&o.appliances, "appliances", 20, "appliances that receive policies at the same time")
	flags.IntVar(&o.perAppliance, "per-appliance", 50, "policies per appliance")
	flags.DurationVar(&o.patience, "patience", 15*time.Minute, "time limit of a single step")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if plainFull {
		o.plain = o.policies
	}
	o.full = only == names && standardSizes(flags)
	var err error
	if o.scenarios, err = pick(only); err != nil {
		return o, err
	}
	return o, o.check()
}

// standardSizes reports whether no flag makes the run incomparable with others.
func standardSizes(flags *flag.FlagSet) bool {
	harmless, standard := []string{"only", "root", "bin", "keep", "plain", "plain-full", "patience"}, true
	flags.Visit(func(f *flag.Flag) {
		if !slices.Contains(harmless, f.Name) && f.Value.String() != f.DefValue {
			standard = false
		}
	})
	return standard
}

func (o options) check() error {
	for _, n := range []int{
		o.policies, o.plain, o.changes, o.refused, o.idle, o.exports, o.intervals, o.sessions, o.sessionRate, o.burst,
		o.requests, o.hungPolicies, o.hungSessions, o.deadConnections, o.refusedBeside, o.takes, o.appliances, o.perAppliance,
	} {
		if n < 1 {
			return errors.New("every number except -secrets must be at least 1")
		}
	}
	if o.refused > o.changes {
		return errors.New("-refused must not exceed -changes")
	}
	return nil
}
