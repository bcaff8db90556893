// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
)

// options are the arguments of this program.
type options struct {
	build

	module        string
	binaries      string
	architectures []string
	reference     reference.NamedTagged
	layout        string
	archive       string
	rootfs        string
}

func parse(arguments []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	name := flags.String("target", "manager", "the image to build")
	architectures := flags.String("arch", "amd64,arm64", "the architectures, separated by commas")
	ref := flags.String("ref", "controller:latest", "the image's name and tag")
	flags.StringVar(&o.version, "version", "dev", "the version that the binaries report")
	flags.StringVar(&o.revision, "revision", "unknown", "the commit that is built")
	flags.StringVar(&o.module, "module", ".", "the folder of the Go module with the binaries")
	flags.StringVar(&o.binaries, "binaries", "", "the folder to keep the binaries in; empty: none")
	flags.StringVar(&o.layout, "layout", "", "the folder to write an OCI image layout to")
	flags.StringVar(&o.archive, "archive", "", "the tar file to write that layout to")
	flags.StringVar(&o.rootfs, "rootfs", "", "the folder to write the root file system to instead; for one architecture")
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	o.architectures = strings.Split(*architectures, ",")
	var err error
	if o.created, err = sourceDate(os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return options{}, err
	}
	if o.target, err = targetNamed(*name); err != nil {
		return options{}, err
	}
	if o.reference, err = tagged(*ref); err != nil {
		return options{}, err
	}
	return o, o.validate(flags.Args())
}

func (o options) validate(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case (o.layout == "") == (o.rootfs == ""):
		return errors.New("set either --layout or --rootfs")
	case o.archive != "" && o.layout == "":
		return errors.New("--archive needs --layout")
	case o.rootfs != "" && len(o.architectures) != 1:
		return errors.New("--rootfs needs --arch with one architecture")
	}
	return nil
}

// tagged completes a name as engines and nodes do: controller:v1 is docker.io/library/controller:v1.
func tagged(name string) (reference.NamedTagged, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("--ref %q: %w", name, err)
	}
	result, ok := reference.TagNameOnly(named).(reference.NamedTagged)
	if !ok {
		return nil, fmt.Errorf("--ref %q has a digest, which is what this program computes: give a tag", name)
	}
	return result, nil
}

// sourceDate reads the variable by which build tools agree on one time, usually the commit's.
func sourceDate(seconds string) (time.Time, error) {
	if seconds == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	parsed, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q is not a number of seconds", seconds)
	}
	return time.Unix(parsed, 0).UTC(), nil
}
