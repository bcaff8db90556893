// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Components, by the names of their binaries.
const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
)

// assetsVariable names the folder of the binaries, as for envtest.
const assetsVariable = "KUBEBUILDER_ASSETS"

//go:embed launch.sh
var launchScript []byte

// findAssets returns the folder of the binaries: KUBEBUILDER_ASSETS if set, or else bin/k8s in the working directory or
// the nearest parent that has it.
func findAssets() (string, error) {
	if dir := os.Getenv(assetsVariable); dir != "" {
		return filepath.Abs(dir)
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the control plane's binaries: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		assets := filepath.Join(dir, "bin", "k8s")
		if _, err := os.Stat(filepath.Join(assets, apiServerName)); err == nil {
			return assets, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no bin/k8s/%s in %s or above: run `make controlplane`, or set %s",
				apiServerName, start, assetsVariable)
		}
	}
}

// newRunDir prepares the folder of one control plane, a temporary one if path is empty. Every component is started
// through a copy of launch.sh in bin/, which finds the binary through the link assets.
func newRunDir(path, assets string) (string, error) {
	for _, name := range []string{etcdName, apiServerName, controllerManagerName} {
		if _, err := os.Stat(filepath.Join(assets, name)); err != nil {
			return "", fmt.Errorf("a binary of the control plane is missing; run `make controlplane` to build it: %w", err)
		}
	}
	dir, err := emptyDir(path)
	if err != nil {
		return "", fmt.Errorf("preparing the control plane's folder: %w", err)
	}
	if err := fillRunDir(dir, assets); err != nil {
		if path == "" {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		return "", fmt.Errorf("preparing the control plane's folder: %w", err)
	}
	return dir, nil
}

func emptyDir(path string) (string, error) {
	if path == "" {
		return os.MkdirTemp("", "controlplane-")
	}
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty", dir)
	}
	return dir, err
}

func fillRunDir(dir, assets string) error {
	for _, name := range []string{"bin", "pids", "logs", "certs", "etcd"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	for _, name := range []string{etcdName, apiServerName, controllerManagerName} {
		//nolint:gosec // G306: envtest runs a file by its path, so the owner must be allowed to execute it.
		if err := os.WriteFile(filepath.Join(dir, "bin", name), launchScript, 0o700); err != nil {
			return err
		}
	}
	return os.Symlink(assets, filepath.Join(dir, "assets"))
}

func createLog(dir, component string) (*os.File, error) {
	return os.Create(logFile(dir, component))
}

func logFile(dir, component string) string {
	return filepath.Join(dir, "logs", component+".log")
}

// logTail returns the end of a component's log, about ten lines, for an error message.
func logTail(dir, component string) string {
	const size = 2048 // bytes
	file, err := os.Open(logFile(dir, component))
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > size {
		if _, err := file.Seek(-size, io.SeekEnd); err != nil {
			return ""
		}
	}
	tail, err := io.ReadAll(file)
	if err != nil {
		return ""
	}
	return string(tail)
}
