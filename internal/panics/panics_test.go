// SPDX-License-Identifier: Apache-2.0

package panics_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/panics"
)

func caught(f func() error) (err error) {
	defer panics.Catch(&err)
	return f()
}

func TestAPanicIsAnError(t *testing.T) {
	mine := errors.New("an error")
	for name, c := range map[string]struct {
		do   func() error
		want string
	}{
		"no panic": {do: func() error { return mine }, want: "an error"},
		"a value that may be a secret": {
			do: func() error { panic("hunter2") }, want: "panic with a value of type string",
		},
		"an error that may hold a secret": {
			do: func() error { panic(mine) }, want: "panic with a value of type *errors.errorString",
		},
		"the runtime's error": {
			do:   func() error { return []error{}[len(mine.Error())-8] },
			want: "panic: runtime error: index out of range [0] with length 0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := caught(c.do)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
			stack := string(panics.StackOf(fmt.Errorf("while doing it: %w", err)))
			if panicked := !errors.Is(err, mine); panicked != strings.Contains(stack, "TestAPanicIsAnError") {
				t.Errorf("stack %q", stack)
			}
		})
	}
}
