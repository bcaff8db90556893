// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

// progress reports what is going on, each line with the time since the scenario began.
type progress struct {
	out   io.Writer
	name  string
	begun time.Time
}

func newProgress(out io.Writer, name string) *progress {
	return &progress{out: out, name: name, begun: time.Now()}
}

func (p *progress) say(format string, values ...any) {
	fmt.Fprintf(p.out, "[%-8s %6.1fs] %s\n", p.name, time.Since(p.begun).Seconds(), fmt.Sprintf(format, values...))
}

// Write lets other code report whole lines.
func (p *progress) Write(text []byte) (int, error) {
	_, err := fmt.Fprintf(p.out, "[%-8s %6.1fs] %s", p.name, time.Since(p.begun).Seconds(), text)
	return len(text), err
}
