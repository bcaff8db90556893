// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const created = 1_790_000_000

// hello is the image of a small binary, which compiles in seconds.
func hello(t *testing.T) options {
	t.Helper()
	name, err := tagged("registry.example.com/hello:v1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return options{
		build: build{
			target: target{
				name: "hello", title: "hello", description: "A greeting", entrypoint: "/hello",
				binaries: []binary{{name: "hello", pkg: "./testdata/hello"}},
			},
			version: "v1.2.3", revision: "0123abc", created: time.Unix(created, 0).UTC(),
		},
		module: ".", binaries: filepath.Join(dir, "binaries"), architectures: []string{"amd64", "arm64"},
		reference: name, layout: filepath.Join(dir, "oci"), archive: filepath.Join(dir, "oci.tar"),
	}
}

// written builds an image and reads its index back from the layout.
func written(t *testing.T, o options) v1.ImageIndex {
	t.Helper()
	digest, err := o.writeImage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	top, err := layout.ImageIndexFromPath(o.layout)
	if err != nil {
		t.Fatal(err)
	}
	index, err := top.ImageIndex(digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func images(t *testing.T, index v1.ImageIndex) map[string]v1.Image {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]v1.Image{}
	for _, d := range manifest.Manifests {
		if d.ArtifactType != "" {
			t.Errorf("%s is listed as an artifact of the type %s", d.Platform, d.ArtifactType)
		}
		image, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		images[d.Platform.String()] = image
	}
	return images
}

func TestSameSourcesGiveTheSameArchive(t *testing.T) {
	first, second := hello(t), hello(t)
	written(t, first)
	written(t, second)
	one, two := read(t, first.archive), read(t, second.archive)
	if !bytes.Equal(one, two) {
		t.Error("two builds of the same sources differ")
	}

	changed := hello(t)
	changed.version = "v1.2.4"
	written(t, changed)
	if bytes.Equal(one, read(t, changed.archive)) {
		t.Error("two versions have the same image")
	}
}

func TestImageIsValidAndRunsAsNonRoot(t *testing.T) {
	index := written(t, hello(t))
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	built := images(t, index)
	if got := slices.Sorted(maps.Keys(built)); !slices.Equal(got, []string{"linux/amd64", "linux/arm64"}) {
		t.Fatalf("the index has %v", got)
	}
	for platform, image := range built {
		file, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if file.Platform().String() != platform {
			t.Errorf("%s: the configuration says %s", platform, file.Platform())
		}
		if file.Config.User != "65532:65532" || !slices.Equal(file.Config.Entrypoint, []string{"/hello"}) {
			t.Errorf("%s: user %q, entry point %q", platform, file.Config.User, file.Config.Entrypoint)
		}
		if !file.Created.Equal(time.Unix(created, 0)) {
			t.Errorf("%s: created %s", platform, file.Created)
		}
		if got, err := image.MediaType(); err != nil || got != types.OCIManifestSchema1 {
			t.Errorf("%s: media type %s, %v", platform, got, err)
		}
	}
}

func TestImageSaysWhatItIs(t *testing.T) {
	index := written(t, hello(t))
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"org.opencontainers.image.title":         "hello",
		"org.opencontainers.image.description":   "A greeting",
		"org.opencontainers.image.source":        source,
		"org.opencontainers.image.documentation": source + "/tree/main/docs",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.version":       "v1.2.3",
		"org.opencontainers.image.revision":      "0123abc",
		"org.opencontainers.image.created":       "2026-09-21T14:13:20Z",
	}
	if !maps.Equal(manifest.Annotations, want) {
		t.Errorf("annotations of the index: %v", manifest.Annotations)
	}
	delete(want, "org.opencontainers.image.created") // a field of the configuration
	for platform, image := range images(t, index) {
		file, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(file.Config.Labels, want) {
			t.Errorf("labels of %s: %v", platform, file.Config.Labels)
		}
	}
}

func TestImageHasTheBinaryOfItsArchitecture(t *testing.T) {
	machines := map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}
	for platform, image := range images(t, written(t, hello(t))) {
		content := files(t, image)
		binary, err := elf.NewFile(bytes.NewReader(content["hello"]))
		if err != nil {
			t.Fatalf("%s: %v", platform, err)
		}
		if binary.Machine != machines[platform] {
			t.Errorf("%s: the binary is for %s", platform, binary.Machine)
		}
		if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
			t.Errorf("%s: the binary needs %v, %v", platform, libraries, err)
		}
	}
}

func TestImagesShareTheirBase(t *testing.T) {
	shared := map[v1.Hash]int{}
	for platform, image := range images(t, written(t, hello(t))) {
		layers, err := image.Layers()
		if err != nil || len(layers) != 2 {
			t.Fatalf("%s: %d layers, %v", platform, len(layers), err)
		}
		digest, err := layers[0].Digest()
		if err != nil {
			t.Fatal(err)
		}
		shared[digest]++
	}
	if len(shared) != 1 {
		t.Errorf("the architectures have different bases: %v", shared)
	}
}

func TestLayoutNamesTheImageAsANodeDoes(t *testing.T) {
	for name, want := range map[string]struct{ name, tag string }{
		"controller:v1":                 {"docker.io/library/controller:v1", "v1"},
		"controller":                    {"docker.io/library/controller:latest", "latest"},
		"registry.example.com:5000/a/b": {"registry.example.com:5000/a/b:latest", "latest"},
	} {
		t.Run(name, func(t *testing.T) {
			o := hello(t)
			var err error
			if o.reference, err = tagged(name); err != nil {
				t.Fatal(err)
			}
			written(t, o)
			top, err := layout.ImageIndexFromPath(o.layout)
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := top.IndexManifest()
			if err != nil || len(manifest.Manifests) != 1 {
				t.Fatalf("the layout has %d images, %v", len(manifest.Manifests), err)
			}
			got := manifest.Manifests[0].Annotations
			if got["io.containerd.image.name"] != want.name || got["org.opencontainers.image.ref.name"] != want.tag {
				t.Errorf("annotations %v", got)
			}
		})
	}
}

func TestArchiveIsTheLayout(t *testing.T) {
	o := hello(t)
	written(t, o)
	reader := tar.NewReader(bytes.NewReader(read(t, o.archive)))
	packed := map[string][]byte{}
	for {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if packed[h.Name], err = io.ReadAll(reader); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := fs.WalkDir(os.DirFS(o.layout), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if !bytes.Equal(packed[name], read(t, filepath.Join(o.layout, name))) {
			t.Errorf("%s is different in the archive", name)
		}
		delete(packed, name)
		return nil
	})
	if err != nil || len(packed) > 0 {
		t.Errorf("the archive also has %v, %v", slices.Collect(maps.Keys(packed)), err)
	}
}

func TestAFailedBuildKeepsTheLayout(t *testing.T) {
	o := hello(t)
	written(t, o)
	before := read(t, filepath.Join(o.layout, "index.json"))
	o.target.binaries[0].pkg = "./testdata/missing"
	if _, err := o.writeImage(t.Context()); err == nil {
		t.Fatal("a package that does not exist was built")
	}
	if !bytes.Equal(before, read(t, filepath.Join(o.layout, "index.json"))) {
		t.Error("the layout changed")
	}
}

func TestCertificatesAreUnlimitedRoots(t *testing.T) {
	rest, err := certificates()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			t.Fatalf("not PEM: %q", rest)
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if !root.IsCA {
			t.Errorf("%s is not a CA", root.Subject)
		}
		number++
	}
	if number < 100 {
		t.Errorf("there are only %d CAs", number)
	}
}

// files is the root file system of an image; the body of a folder is nil.
func files(t *testing.T, image v1.Image) map[string][]byte {
	t.Helper()
	flat := mutate.Extract(image)
	defer func() { _ = flat.Close() }() // the test has read it
	content := map[string][]byte{}
	for reader := tar.NewReader(flat); ; {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return content
		}
		if err != nil {
			t.Fatal(err)
		}
		if content[filepath.Clean(h.Name)], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
