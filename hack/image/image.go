// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// source is where an image's sources and documents are.
const source = "https://github.com/pam-operator/pam-operator"

// build is what decides an image besides its files.
type build struct {
	target   target
	version  string
	revision string
	created  time.Time
}

// labels are the predefined annotations of the OCI image specification. They are annotations of the index and of each
// manifest, which registries show, and labels of each image, which engines show.
func (b build) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":         b.target.title,
		prefix + "description":   b.target.description,
		prefix + "source":        source,
		prefix + "documentation": source + "/tree/main/docs",
		prefix + "licenses":      "Apache-2.0",
		prefix + "version":       b.version,
		prefix + "revision":      b.revision,
	}
}

// image is the image of one architecture. The base is a layer of its own: it is the same in all images, so nodes and
// registries keep it once, and an upgrade fetches only the binary.
func (b build) image(architecture string, base, binaries v1.Layer) (v1.Image, error) {
	created := v1.Time{Time: b.created}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(image,
		mutate.Addendum{Layer: base, History: v1.History{Created: created, CreatedBy: "base file system"}},
		mutate.Addendum{Layer: binaries, History: v1.History{Created: created, CreatedBy: "binaries"}})
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", architecture, created
	file.Config = v1.Config{
		User:       strconv.Itoa(nonroot) + ":" + strconv.Itoa(nonroot),
		WorkingDir: "/home/nonroot",
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"SSL_CERT_FILE=/" + certificatesFile,
		},
		Entrypoint: []string{b.target.entrypoint},
		Labels:     b.labels(),
	}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(image, b.annotations()).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("the annotated image is a %T", annotated)
	}
	return annotated, nil
}

// annotations are the labels and the time, which a configuration has in a field of its own.
func (b build) annotations() map[string]string {
	annotations := b.labels()
	annotations["org.opencontainers.image.created"] = b.created.Format(time.RFC3339)
	return annotations
}

// index joins the images of all architectures under one digest.
func (b build) index(images []v1.Image) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		file, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: runnable{image}, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: file.OS, Architecture: file.Architecture},
		}})
	}
	annotated, ok := mutate.Annotations(index, b.annotations()).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("the annotated index is a %T", annotated)
	}
	return annotated, nil
}

// runnable is an image without an artifact type. The library would list the type of the configuration as one, and the
// specification has artifact types for what is not run.
type runnable struct{ v1.Image }

// ArtifactType replaces the library's guess.
func (runnable) ArtifactType() (string, error) { return "", nil }
