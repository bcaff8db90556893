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

// options are the flags.
type options struct {
	root, bin, keep string
	scale           float64
	all             bool // no scenario is left out
	scenarios       []scenario
}

func parse(arguments []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "comma-separated scenarios to run; all of them write docs/benchmarks.md")
	flags.StringVar(&o.root, "root", ".", "root folder of the repository")
	flags.StringVar(&o.bin, "bin", "bin/manager", "the manager to measure")
	flags.StringVar(&o.keep, "keep", "", "folder for logs and kubeconfigs, which are otherwise removed")
	flags.Float64Var(&o.scale, "scale", 1, "factor of the numbers of idle policies, sessions and hanging objects")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.scale <= 0 {
		return o, errors.New("-scale must be positive")
	}
	var err error
	o.scenarios, err = pick(*only)
	o.all = len(o.scenarios) == len(scenarios)
	return o, err
}

// pick returns the named scenarios, in the order of the table; no name means all.
func pick(only string) ([]scenario, error) {
	if only == "" {
		return scenarios, nil
	}
	wanted, names := strings.Split(only, ","), make([]string, 0, len(scenarios))
	var out []scenario
	for _, s := range scenarios {
		names = append(names, s.name)
		if slices.Contains(wanted, s.name) {
			out = append(out, s)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return out, nil
}

// of scales a number of objects.
func (o options) of(n int) int { return max(1, int(float64(n)*o.scale)) }

// Durations that are the same in every run.
const (
	writeDelay  = 20 * time.Millisecond // of a simulated appliance
	commitDelay = 2 * time.Second
	patience    = 15 * time.Minute // with a single step
)
