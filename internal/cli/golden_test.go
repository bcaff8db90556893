// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// line is a command line, and how it ends.
type line struct {
	// text is typed behind the prompt. $NAME is a value of the scene.
	text string
	code int
	// before brings about what the line is to show.
	before func()
	// answer is typed at a terminal that can be asked.
	answer string
	// until has the line run again until what it prints matches this.
	until string
	// unordered has the lines sorted: what was created within a second has no order.
	unordered bool
	// document is the kind of what the line prints with -o json, which is then checked, too.
	document string
}

// scene is where lines are run.
type scene struct {
	*site
	// values are for $NAME in lines, and are hidden in what they print.
	values map[string]string
	lines  []line
}

// widths are the two screens that everything is printed on.
var widths = map[string]terminal{
	"80":  {env: map[string]string{"COLUMNS": "80", "LANG": "C"}},
	"120": {env: map[string]string{"COLUMNS": "120"}},
}

// Serial: some lines are about the whole cluster.
var _ = Describe("What every command prints", Serial, func() {
	for _, width := range slices.Sorted(maps.Keys(widths)) {
		for _, name := range slices.Sorted(maps.Keys(scenes)) {
			It("is in testdata/"+name+"-"+width+".golden", func(ctx context.Context) {
				// A clock that stands still shows all ages as 0s.
				t := widths[width]
				began := time.Now().Truncate(time.Second) // as the API server's times
				t.now = func() time.Time { return began }
				s := scenes[name](ctx, name+"-"+width)
				var shown strings.Builder
				for _, l := range s.lines {
					s.run(ctx, t, l, &shown)
				}
				compareGolden(name+"-"+width, shown.String())
			})
		}
	}
})

// run runs a line, writes down what is seen at the terminal, and checks its document.
func (s *scene) run(ctx context.Context, t terminal, l line, shown *strings.Builder) {
	GinkgoHelper()
	if l.before != nil {
		l.before()
	}
	t.in, t.asked = l.answer, l.answer != ""
	args := s.words(l.text)
	r := t.pam(ctx, args...)
	if l.until != "" {
		Eventually(func() string { r = t.pam(ctx, args...); return r.Both }).Should(MatchRegexp(l.until))
	}
	Expect(r.Code).To(Equal(l.code), "%s\n%s", l.text, r)
	seen := strings.ReplaceAll(r.Both, "[y/N] ", "[y/N] "+l.answer) // a terminal shows what is typed, too
	seen = s.settled(seen)
	if l.unordered {
		seen = sorted(seen)
	}
	fmt.Fprintf(shown, "$ kubectl pam %s\n%s", l.text, seen)
	if l.code != 0 {
		fmt.Fprintf(shown, "[exit code %d]\n", l.code)
	}
	shown.WriteString("\n")
	if l.document != "" {
		again := t.pam(ctx, append(s.words(l.text), "-o", "json")...)
		Expect(again.Code).To(Equal(l.code), "%s -o json\n%s", l.text, again)
		expectDocument(l.document, again.Out)
	}
}

// sorted sorts the lines below the header of a table.
func sorted(table string) string {
	rows := slices.Collect(strings.Lines(table))
	slices.Sort(rows[min(1, len(rows)):])
	return strings.Join(rows, "")
}

// words are the arguments of a line, in the namespace of the scene.
func (s *scene) words(text string) []string {
	args := words(text)
	for i := range args {
		args[i] = os.Expand(args[i], func(name string) string { return s.values[name] })
	}
	if s.site != nil {
		args = append([]string{"-n", s.namespace}, args...)
	}
	return args
}

// fleeting are lines that only a slow run shows.
var fleeting = regexp.MustCompile(`(?m)^2> ([◌.] (waiting|released|the operator reads|\d+ objects? applied|` +
	`\d+ of \d+ ready)| *0s  (Pending|Requested|Starting|Provisioning)\b|` +
	`[◌.] (Pending|Starting|Active)\b).*\n`)

// elsewhere is what check says of a connection.
var elsewhere = regexp.MustCompile(`(?m)^\S [sn]psc/\S+ \(([^)]*)\): .*\n( +.*\n)*`)

// varying are parts that differ from run to run. What replaces them is as long, so that columns stay.
var varying = []struct {
	part *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`), "2026-08-20T12:00:00.123456789Z"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "2026-08-20T12:00:00Z"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d \(`), "12:00:00 ("},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "3bd7b6f8-54e4-44c3-9c64-2b7fb4a94a01"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:44300"},
	{regexp.MustCompile(`\b(linux-root|terminate|export)-[a-z0-9]{5}\b`), "$1-x7k2p"},
	{regexp.MustCompile(`\(\d+(\.\d+)?(ms|s)\)`), "(100ms)"},
	{regexp.MustCompile(`lock held \d+(\.\d+)?(ms|s)`), "lock held 100ms"},
	{regexp.MustCompile(`\b(until|ends) \d\d:\d\d\b`), "$1 13:00"},
	{regexp.MustCompile(`(?m)\bv1\.\d+\.\d+(,|$)`), "v1.36.0$1"},
	{regexp.MustCompile(`\b(60|59)m\b`), "60m"},
	{regexp.MustCompile(`\b(90|89)m\b`), "90m"},
	{regexp.MustCompile(`(25\.12\.\d+ \S) \d+ sessions?.*`), "$1 0 sessions"}, // they are counted now and then
	{regexp.MustCompile(regexp.QuoteMeta(runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version())),
		"linux/amd64, go1.26.0"},
}

// cutKey is a key of which the end was cut off.
var cutKey = regexp.MustCompile(`key [0-9a-f]{8}-[0-9a-f-]*(\.\.\.|…)`)

// settled is an output without what differs from run to run.
func (s *scene) settled(text string) string {
	for name, value := range s.values {
		text = strings.ReplaceAll(text, value, "$"+name)
	}
	text = fleeting.ReplaceAllString(text, "")
	text = elsewhere.ReplaceAllStringFunc(text, func(lines string) string {
		if s.site == nil || elsewhere.FindStringSubmatch(lines)[1] == s.namespace {
			return lines
		}
		return ""
	})
	text = cutKey.ReplaceAllStringFunc(text, func(key string) string {
		const whole = "key 3bd7b6f8-54e4-44c3-9c64-2b7fb4a94a01"
		end := cutKey.FindStringSubmatch(key)[1]
		return whole[:len(key)-len(end)] + end
	})
	for _, v := range varying {
		text = v.part.ReplaceAllString(text, v.is)
	}
	return text
}

// compareGolden compares with a file, or writes it with -update.
func compareGolden(name, got string) {
	GinkgoHelper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		Expect(os.WriteFile(file, []byte(got), 0o600)).To(Succeed())
	}
	want, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	Expect(cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n"))).To(BeEmpty(), file+" (-want +got)")
}

// expectDocument decodes a document into the type that docs/cli.md describes, and accepts no member that it lacks.
func expectDocument(kind, text string) {
	GinkgoHelper()
	i := slices.IndexFunc(cli.Documents(), func(p cli.Printed) bool { return p.Kind == kind })
	Expect(i).NotTo(Equal(-1), kind)
	document := reflect.New(reflect.TypeOf(cli.Documents()[i].Document))
	decoder := json.NewDecoder(bytes.NewBufferString(text))
	decoder.DisallowUnknownFields()
	Expect(decoder.Decode(document.Interface())).To(Succeed(), text)
	head := struct{ APIVersion, Kind string }{}
	Expect(json.Unmarshal([]byte(text), &head)).To(Succeed())
	Expect(head.APIVersion).To(Equal("cli.pam-operator.io/v1alpha1"))
	Expect(head.Kind).To(Equal(kind))
}

func TestEveryCommandHasAGoldenFile(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	files, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	every(root(), func(c *cobra.Command) {
		if c.Name() != "completion" && !strings.Contains(all.String(), "$ "+c.CommandPath()+"\n") &&
			!regexp.MustCompile(regexp.QuoteMeta("$ "+c.CommandPath())+` [^\n]`).MatchString(all.String()) {
			t.Errorf("no golden file shows %s", c.CommandPath())
		}
	})
}
