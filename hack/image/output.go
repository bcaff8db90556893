// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/pam-operator/pam-operator/hack/image/archive"
)

// replace writes a folder beside its final place and then moves it there, so that a failure leaves the old one.
func replace(folder string, write func(folder string) error) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil { //nolint:gosec // G301: build output, not secret
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(folder), filepath.Base(folder)+".")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }() // what is left of it
	fresh := filepath.Join(temporary, "new")
	if err := write(fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	return os.Rename(fresh, folder)
}

// writeLayout writes an OCI image layout with the one image, under the name that it will have on a node.
func writeLayout(folder string, index v1.ImageIndex, name reference.NamedTagged) error {
	written, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	err = written.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          name.String(), // ctr images import, and with it kind and k3s
		"org.opencontainers.image.ref.name": name.Tag(),
	}))
	if err != nil {
		return err
	}
	return readable(folder)
}

// readable gives all files of a layout the same permissions; the library writes some for the owner only.
func readable(folder string) error {
	return filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.Chmod(path, 0o755) //nolint:gosec // G302: build output, not secret
		}
		return os.Chmod(path, 0o644) //nolint:gosec // G302: build output, not secret
	})
}

// writeArchive packs a layout as a tar file.
func writeArchive(file, folder string) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // G301: build output, not secret
		return err
	}
	out, err := os.Create(file) //nolint:gosec // G304: the caller names the file
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	return archive.Write(out, os.DirFS(folder), "")
}
