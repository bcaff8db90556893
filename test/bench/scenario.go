// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// scenario measures some rows of the table.
type scenario struct {
	name, title string
	run         func(context.Context, *bench) ([]row, error)
}

// scenarios are all there are, in the order of the table.
var scenarios = []scenario{
	{"apply", "many new policies applied at once, beside the plain procedure", measureApply},
	{"refusals", "many changes, some of them refused at the commit", measureRefusals},
	{"idle", "many idle policies among foreign Secrets, and a restart of the manager", measureIdle},
	{"hold", "many new policies under a short maxHold", measureHold},
	{"sessions", "many live sessions, beside the vendor's script", measureSessions},
	{"neighbours", "connections that hang, beside one that does not", measureNeighbours},
	{"appliances", "many appliances at once, beside one", measureAppliances},
	{"hostile", "servers that mean harm, beside a policy of somebody else", measureHostile},
}

func scenarioNames() []string {
	names := make([]string, 0, len(scenarios))
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// pick returns the scenarios of a list of names, in the order of the table.
func pick(only string) ([]scenario, error) {
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if !slices.Contains(scenarioNames(), name) {
			return nil, fmt.Errorf("there is no scenario %q, but %s", name, strings.Join(scenarioNames(), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(scenarios), func(s scenario) bool {
		return !slices.Contains(wanted, s.name)
	}), nil
}

// bench is what a scenario works with.
type bench struct {
	options
	*progress
	*measurements

	closers []func() error
}

// measurements are figures of several scenarios that one picture or one row needs together.
type measurements struct {
	holds []hold
	// oursEach and plainEach are the seconds for each object.
	oursEach, plainEach float64
	// oursWaits and scriptWaits are how long usable sessions went without their connection data.
	oursWaits, scriptWaits []time.Duration
}

// within runs a scenario and ends what it started, in the reverse order.
func (b *bench) within(ctx context.Context, s scenario) (rows []row, err error) {
	defer func() {
		for _, closer := range slices.Backward(b.closers) {
			err = errors.Join(err, closer())
		}
	}()
	return s.run(ctx, b)
}

func (b *bench) atEnd(closer func() error) { b.closers = append(b.closers, closer) }
