// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/pam-operator/pam-operator/internal/cli"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

func root() *cobra.Command {
	return cli.New(frame.New(genericiooptions.NewTestIOStreamsDiscard(), "v1.2.3"))
}

// every calls visit with each command that does something.
func every(c *cobra.Command, visit func(*cobra.Command)) {
	if c.Runnable() && c.Name() != "help" && !c.Hidden {
		visit(c)
	}
	for _, sub := range c.Commands() {
		every(sub, visit)
	}
}

func TestEveryExampleIsACommandThatExists(t *testing.T) {
	t.Parallel()
	every(root(), func(c *cobra.Command) {
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		text := strings.ReplaceAll(c.Example, "\\\n", " ")
		found := regexp.MustCompile(`kubectl pam ([^\n>)]+)`).FindAllStringSubmatch(text, -1)
		if len(found) == 0 {
			t.Errorf("the example of %s does not show it", c.CommandPath())
		}
		for _, example := range found {
			run, args := root(), words(example[1])
			named, rest, err := run.Find(args)
			if err == nil && named.CommandPath() != c.CommandPath() {
				t.Errorf("the example of %s is about %s", c.CommandPath(), named.CommandPath())
			}
			if err == nil {
				err = named.ParseFlags(rest)
			}
			if err == nil {
				err = named.ValidateArgs(named.Flags().Args())
			}
			if err != nil {
				t.Errorf("kubectl pam %s: %v", example[1], err)
			}
		}
	})
}

// words divides a command line as a shell does, as far as the examples need it.
func words(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		if m[2] == "&&" {
			break
		}
		out = append(out, m[1]+m[2])
	}
	return out
}

func TestEveryCommandSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	var known []string
	for _, command := range cli.Rights() {
		known = append(known, command.Command)
	}
	every(root(), func(c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "kubectl pam ")
		if name != "completion" && !slices.Contains(known, name) {
			t.Errorf("internal/cli/rights.go lacks %s", name)
		}
		known = slices.DeleteFunc(known, func(each string) bool { return each == name })
	})
	if len(known) > 0 {
		t.Errorf("internal/cli/rights.go has commands that do not exist: %v", known)
	}
}

func TestTheHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	every(root(), func(c *cobra.Command) {
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if len(strings.TrimSuffix(line, "\n")) > 120 {
				t.Errorf("%s: %q is too long", c.CommandPath(), line)
			}
		}
		if len(c.Short) > 80 {
			t.Errorf("%s: the short text is too long", c.CommandPath())
		}
	})
}
