// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// stage is what one stage of the Dockerfile adds to its base image.
type stage struct {
	name       string
	from       string
	binaries   string   // the stage that the image's programs are copied from
	sources    []string // what is copied from the repository
	compiled   []string // commands of go
	paths      []string
	user       string
	entrypoint []string
	labels     map[string]string
}

func TestDockerfileBuildsTheSameImages(t *testing.T) {
	stages := dockerfile(t)
	if last := stages[len(stages)-1]; last.name != "manager" {
		t.Errorf("without --target, the Dockerfile builds %q", last.name)
	}
	for _, image := range targets {
		t.Run(image.name, func(t *testing.T) {
			i := slices.IndexFunc(stages, func(s stage) bool { return s.name == image.name })
			if i < 0 {
				t.Fatal("the Dockerfile has no such stage")
			}
			compare(t, image, stages[i])
		})
	}
}

func compare(t *testing.T, image target, s stage) {
	t.Helper()
	if s.from != "${BASE_IMAGE}" {
		t.Errorf("it is built from %s", s.from)
	}
	var want []string
	for _, b := range image.binaries {
		want = append(want, "/"+b.name)
	}
	if slices.Sort(want); !slices.Equal(s.paths, want) {
		t.Errorf("the Dockerfile copies %v, hack/image %v", s.paths, want)
	}
	if s.user != "65532:65532" || !slices.Equal(s.entrypoint, []string{image.entrypoint}) {
		t.Errorf("user %q, entry point %q", s.user, s.entrypoint)
	}
	labels := build{target: image, version: "${VERSION}", revision: "${REVISION}"}.labels()
	if !maps.Equal(s.labels, labels) {
		t.Errorf("the Dockerfile has the labels %v,\nhack/image %v", s.labels, labels)
	}
}

// TestTheDockerfileCompilesTheSamePrograms proves, without an engine, that a build with one would succeed and link the
// same: every program is compiled, with the same flags, from a stage that has all of its sources.
func TestTheDockerfileCompilesTheSamePrograms(t *testing.T) {
	stages := dockerfile(t)
	flags := "CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go"
	for _, flag := range buildFlags("${VERSION}", "${REVISION}") {
		if strings.Contains(flag, " ") {
			flag = `"` + flag + `"`
		}
		flags += " " + flag
	}
	for _, image := range targets {
		compiled, sources := chain(t, stages, named(t, stages, image.name).binaries)
		for _, b := range image.binaries {
			if !slices.ContainsFunc(compiled, func(command string) bool {
				return strings.HasPrefix(command, flags+" -o /") && strings.HasSuffix(command, " "+b.pkg)
			}) {
				t.Errorf("stage %s does not compile %s with %s, but: %q", image.name, b.pkg, flags, compiled)
			}
			for _, file := range sourcesOf(t, b.pkg) {
				if !slices.ContainsFunc(sources, func(copied string) bool { return strings.HasPrefix(file, copied) }) {
					t.Errorf("stage %s does not copy %s, which %s is compiled from", image.name, file, b.pkg)
				}
			}
		}
	}
}

// TestTheBuiltImageIsTheStages compares what is built, and not only what the table says. Another program stands in for
// ours: it compiles in seconds.
func TestTheBuiltImageIsTheStages(t *testing.T) {
	stages := dockerfile(t)
	for _, image := range targets {
		t.Run(image.name, func(t *testing.T) {
			o := hello(t)
			image.binaries = slices.Clone(image.binaries)
			for i := range image.binaries {
				image.binaries[i].pkg = "./testdata/hello"
			}
			o.target, o.architectures = image, []string{"amd64"}
			built := images(t, written(t, o))["linux/amd64"]
			file, err := built.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			want := named(t, stages, image.name)
			if file.Config.User != want.user || !slices.Equal(file.Config.Entrypoint, want.entrypoint) {
				t.Errorf("user %q, entry point %q", file.Config.User, file.Config.Entrypoint)
			}
			if file.Config.Cmd != nil || file.Config.ExposedPorts != nil || file.Config.Volumes != nil {
				t.Errorf("what no stage has: %+v", file.Config)
			}
			if !slices.Equal(slices.Sorted(maps.Keys(file.Config.Labels)), slices.Sorted(maps.Keys(want.labels))) {
				t.Errorf("labels %v", file.Config.Labels)
			}
			if got := programs(t, built); !slices.Equal(got, want.paths) {
				t.Errorf("programs %v, the Dockerfile copies %v", got, want.paths)
			}
		})
	}
}

// programs are the executables of an image.
func programs(t *testing.T, image v1.Image) []string {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	var found []string
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(found)
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg && h.Mode&0o111 != 0 {
			found = append(found, "/"+h.Name)
		}
	}
}

// chain returns what a stage and those that it is built from compile, and what they copy from the repository.
func chain(t *testing.T, stages []stage, name string) (compiled, sources []string) {
	t.Helper()
	for name != "${GO_IMAGE}" {
		s := named(t, stages, name)
		compiled, sources = append(compiled, s.compiled...), append(sources, s.sources...)
		name = s.from
	}
	return compiled, sources
}

func named(t *testing.T, stages []stage, name string) stage {
	t.Helper()
	i := slices.IndexFunc(stages, func(s stage) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("the Dockerfile has no stage %q", name)
	}
	return stages[i]
}

// sourcesOf lists the files of the repository that a program is compiled from, those that are embedded included.
func sourcesOf(t *testing.T, pkg string) []string {
	t.Helper()
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	const format = "{{if not .Standard}}{{with .Module}}{{if .Main}}{{$dir := $.Dir}}" +
		`{{range $.GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}` + `{{range $.EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}` +
		"{{end}}{{end}}{{end}}"
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, pkg)
	command.Dir = repository
	command.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "CGO_ENABLED=0")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("list what %s is compiled from: %v", pkg, err)
	}
	files := []string{"go.mod", "go.sum"}
	for file := range strings.Lines(string(out)) {
		if file = strings.TrimSpace(file); file != "" {
			files = append(files, strings.TrimPrefix(file, repository+"/"))
		}
	}
	return files
}

// dockerfile reads as much of the Dockerfile's language as our file uses.
func dockerfile(t *testing.T) []stage {
	t.Helper()
	text := strings.ReplaceAll(string(read(t, "../../Dockerfile")), "\\\n", " ")
	var stages []stage
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || strings.HasPrefix(line, "#") {
			continue
		}
		if words[0] == "FROM" {
			words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "--") })
			if len(words) != 4 {
				t.Fatalf("a stage without a name: %s", line)
			}
			stages = append(stages, stage{name: words[3], from: words[1], labels: map[string]string{}})
		} else if len(stages) > 0 {
			stages[len(stages)-1].read(t, words[0], strings.TrimSpace(strings.TrimPrefix(line, words[0])))
		}
	}
	return stages
}

func (s *stage) read(t *testing.T, instruction, rest string) {
	t.Helper()
	switch instruction {
	case "COPY":
		s.copies(strings.Fields(rest))
	case "RUN":
		s.compiled = append(s.compiled, strings.Join(strings.Fields(rest), " "))
	case "USER":
		s.user = rest
	case "ENTRYPOINT":
		if err := json.Unmarshal([]byte(rest), &s.entrypoint); err != nil {
			t.Fatalf("ENTRYPOINT %s: %v", rest, err)
		}
	case "LABEL":
		for rest != "" {
			var name, value string
			name, rest, _ = strings.Cut(rest, `="`)
			value, rest, _ = strings.Cut(rest, `"`)
			s.labels[strings.TrimSpace(name)] = value
		}
	}
}

func (s *stage) copies(words []string) {
	if from, ok := strings.CutPrefix(words[0], "--from="); ok {
		s.binaries = from
	} else {
		s.sources = append(s.sources, words[:len(words)-1]...)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "--") })
	to := words[len(words)-1]
	for _, from := range words[:len(words)-1] {
		if strings.HasSuffix(to, "/") {
			from = path.Join(to, path.Base(from))
		} else {
			from = to
		}
		s.paths = append(s.paths, from)
	}
	slices.Sort(s.paths)
}
