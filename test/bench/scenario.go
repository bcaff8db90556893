// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// scenario measures some rows of the table.
type scenario struct {
	name, title string
	run         func(context.Context, *bench) ([]row, error)
}

// scenarios are all scenarios, in the order of the table.
var scenarios = []scenario{
	{"apply", "many new policies at once", measureApply},
	{"idle", "many idle policies, and a restart", measureIdle},
	{"sessions", "many live sessions", measureSessions},
	{"neighbours", "one team beside hanging servers and greedy teams", measureNeighbours},
	{"appliances", "many appliances at once", measureAppliances},
	{"hostile", "servers, objects and clients that take memory", measureHostile},
}

// bench is what a scenario works with.
type bench struct {
	options
	name     string
	out      io.Writer
	begun    time.Time
	password string // of the operator's account on all appliances

	closers []func() error
}

func newBench(o options, name string, out io.Writer) *bench {
	return &bench{options: o, name: name, out: out, begun: time.Now(), password: rand.Text()}
}

// within runs a scenario and then stops what it started, in reverse order.
func (b *bench) within(ctx context.Context, f func(context.Context, *bench) ([]row, error)) (rows []row, err error) {
	defer func() {
		for _, closer := range slices.Backward(b.closers) {
			err = errors.Join(err, closer())
		}
		b.closers = nil
	}()
	return f(ctx, b)
}

func (b *bench) atEnd(closer func() error) { b.closers = append(b.closers, closer) }

// say reports progress.
func (b *bench) say(format string, values ...any) {
	fmt.Fprintf(b.out, "[%-10s %6.1fs] %s\n", b.name, time.Since(b.begun).Seconds(), fmt.Sprintf(format, values...))
}

// inOrder runs steps until one fails.
func inOrder(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
