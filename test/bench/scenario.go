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

// scenarios are all scenarios, in the order of the table.
var scenarios = []scenario{
	{"apply", "many new policies applied at once, compared with the plain procedure", measureApply},
	{"refusals", "many changes, some of them refused at the commit", measureRefusals},
	{"idle", "many idle policies among foreign Secrets, and a restart of the manager", measureIdle},
	{"export", "an appliance with many policies written down", measureExport},
	{"hold", "many new policies under a short maxHold", measureHold},
	{"sessions", "many live sessions, compared with the vendor's script", measureSessions},
	{"neighbours", "hanging connections beside a healthy one", measureNeighbours},
	{"tenants", "a tenant who keeps a connection busy beside another one", measureTenants},
	{"appliances", "many appliances at once, compared with one", measureAppliances},
	{"hostile", "hostile servers beside a policy of another connection", measureHostile},
}

func scenarioNames() []string {
	names := make([]string, 0, len(scenarios))
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// pick returns the named scenarios, in the order of the table.
func pick(only string) ([]scenario, error) {
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if !slices.Contains(scenarioNames(), name) {
			return nil, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(scenarioNames(), ", "))
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

// measurements are figures from several scenarios for one picture or row.
type measurements struct {
	holds []hold
	// oursEach and plainEach are the seconds per object.
	oursEach, plainEach float64
	// oursWaits and scriptWaits are how long usable sessions went without their connection data.
	oursWaits, scriptWaits []time.Duration
}

// within runs a scenario and then stops what it started, in reverse order.
func (b *bench) within(ctx context.Context, s scenario) (rows []row, err error) {
	defer func() {
		for _, closer := range slices.Backward(b.closers) {
			err = errors.Join(err, closer())
		}
	}()
	return s.run(ctx, b)
}

func (b *bench) atEnd(closer func() error) { b.closers = append(b.closers, closer) }
