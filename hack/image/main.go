// SPDX-License-Identifier: Apache-2.0

// Command image builds the images of this project without a container engine or a registry, and the same image from
// the same commit on every machine. It writes an OCI image layout, for all architectures under one digest, and prints
// that digest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	o, err := parse(arguments, stderr)
	if err != nil {
		return err
	}
	if o.binaries == "" {
		temporary, err := os.MkdirTemp("", "image-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(temporary) }() // a temporary folder of the system
		o.binaries = temporary
	}
	if o.rootfs != "" {
		return o.writeRootfs(ctx)
	}
	digest, err := o.writeImage(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, digest)
	return err
}

// writeRootfs writes the content of the image as a folder.
func (o options) writeRootfs(ctx context.Context) error {
	entries, err := base()
	if err != nil {
		return err
	}
	programs, err := o.programs(ctx, o.architectures[0])
	if err != nil {
		return err
	}
	return replace(o.rootfs, func(folder string) error { return writeFolder(folder, append(entries, programs...)) })
}

// writeImage writes the layout and the archive, and returns the digest of the index.
func (o options) writeImage(ctx context.Context) (v1.Hash, error) {
	index, err := o.assemble(ctx)
	if err != nil {
		return v1.Hash{}, err
	}
	err = replace(o.layout, func(folder string) error { return writeLayout(folder, index, o.reference) })
	if err != nil {
		return v1.Hash{}, err
	}
	if o.archive != "" {
		if err := writeArchive(o.archive, o.layout); err != nil {
			return v1.Hash{}, err
		}
	}
	return index.Digest()
}

func (o options) assemble(ctx context.Context) (v1.ImageIndex, error) {
	entries, err := base()
	if err != nil {
		return nil, err
	}
	below, err := layer(entries)
	if err != nil {
		return nil, err
	}
	images := make([]v1.Image, 0, len(o.architectures))
	for _, architecture := range o.architectures {
		programs, err := o.programs(ctx, architecture)
		if err != nil {
			return nil, err
		}
		above, err := layer(programs)
		if err != nil {
			return nil, err
		}
		image, err := o.image(architecture, below, above)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return o.index(images)
}

// programs are the compiled binaries of the target.
func (o options) programs(ctx context.Context, architecture string) ([]entry, error) {
	c := compiler{module: o.module, version: o.version, revision: o.revision, out: o.binaries}
	var entries []entry
	for _, b := range o.target.binaries {
		body, err := c.compile(ctx, b, architecture)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{path: b.name, mode: fs.FileMode(0o755), body: body})
	}
	return entries, nil
}
