// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memory is a process's resident memory, in bytes: now, and its peak since the start.
type memory struct{ resident, peak float64 }

// status parses /proc/<pid>/status.
type status struct {
	name   string
	parent int
	memory memory
}

func parseStatus(text io.Reader) (status, error) {
	var s status
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		var err error
		switch name {
		case "Name":
			s.name = value
		case "PPid":
			s.parent, err = strconv.Atoi(value)
		case "VmRSS":
			s.memory.resident, err = kibibytes(value)
		case "VmHWM":
			s.memory.peak, err = kibibytes(value)
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	return s, lines.Err()
}

// kibibytes parses "1234 kB", which the kernel writes for units of 1024 bytes.
func kibibytes(text string) (float64, error) {
	digits, found := strings.CutSuffix(text, " kB")
	if !found {
		return 0, fmt.Errorf("%q is not in kB", text)
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	return n * 1024, err
}

// memory reads the manager's resident memory from /proc: the guard's child of that name.
func (m *manager) memory() (memory, error) {
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		return memory{}, err
	}
	for _, file := range files {
		s, err := readStatus(file)
		if err == nil && s.parent == m.process.Guard() && s.name == "manager" {
			return s.memory, nil
		}
	}
	return memory{}, errors.New("the manager's process is not in /proc")
}

func readStatus(file string) (status, error) {
	text, err := os.Open(file) //nolint:gosec // G304: found below /proc
	if err != nil {
		return status{}, err
	}
	defer text.Close()
	return parseStatus(text)
}
