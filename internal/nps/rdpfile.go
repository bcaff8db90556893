// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// defaultRDPPort is the port of an RDP file without one.
const defaultRDPPort = 3389

// RDPTarget is the target of an RDP file.
type RDPTarget struct {
	Host string
	Port int
	// Username may be a one-time token: treat it as a secret.
	Username string
}

// ParseRDPFile parses the target of an RDP file: one key:type:value per line, in UTF-8 or UTF-16, with or without a
// byte order mark, with either kind of newline (docs/vendors/nps.md 7.1). Errors never quote the file.
func ParseRDPFile(file []byte) (RDPTarget, error) {
	settings := rdpSettings(decodeRDPText(file))
	address := settings["full address"]
	if address == "" {
		return RDPTarget{}, errors.New("the rdp file has no full address")
	}
	host, port, err := splitAddress(address)
	if err != nil {
		return RDPTarget{}, fmt.Errorf("full address of the rdp file: %w", err)
	}
	// A port in the address overrides the separate port, as in Microsoft's client.
	if port == 0 {
		if port, err = rdpServerPort(settings["server port"]); err != nil {
			return RDPTarget{}, err
		}
	}
	return RDPTarget{Host: host, Port: port, Username: settings["username"]}, nil
}

func rdpServerPort(text string) (int, error) {
	if text == "" {
		return defaultRDPPort, nil
	}
	port, err := parsePort(text)
	if err != nil {
		return 0, fmt.Errorf("server port of the rdp file: %w", err)
	}
	return port, nil
}

// rdpKeys are the settings that are evaluated.
var rdpKeys = []string{"full address", "server port", "username"}

// rdpSettings maps keys in lower case to values; if a key occurs twice, the last one wins.
func rdpSettings(text string) map[string]string {
	settings := map[string]string{}
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		key, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		key = strings.ToLower(strings.TrimSpace(key))
		if _, value, ok := strings.Cut(rest, ":"); ok && slices.Contains(rdpKeys, key) {
			settings[key] = strings.TrimSpace(value)
		}
	}
	return settings
}

func decodeRDPText(file []byte) string {
	if order := utf16Order(file); order != nil {
		units := make([]uint16, len(file)/2)
		for i := range units {
			units[i] = order.Uint16(file[2*i:])
		}
		return strings.TrimPrefix(string(utf16.Decode(units)), "\ufeff")
	}
	return string(bytes.TrimPrefix(file, []byte("\ufeff")))
}

// utf16Order returns the byte order of UTF-16, or nil for UTF-8. A file without a byte order mark is recognized by the
// NUL that is half of its first character, because every key is ASCII.
func utf16Order(file []byte) binary.ByteOrder {
	switch {
	case len(file) < 2:
		return nil
	case bytes.HasPrefix(file, []byte{0xff, 0xfe}) || file[1] == 0:
		return binary.LittleEndian
	case bytes.HasPrefix(file, []byte{0xfe, 0xff}) || file[0] == 0:
		return binary.BigEndian
	}
	return nil
}

// splitAddress splits host, host:port, IPv6 or [IPv6]:port; the port is 0 if there is none.
func splitAddress(address string) (host string, port int, err error) {
	host = address
	if h, p, splitErr := net.SplitHostPort(address); splitErr == nil {
		host = h
		if p != "" {
			if port, err = parsePort(p); err != nil {
				return "", 0, err
			}
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if !plausibleHost(host) {
		return "", 0, errors.New("the host is neither a host name nor an address")
	}
	return host, port, nil
}

// plausibleHost does not validate names fully. It rejects what a client's command line would misinterpret.
func plausibleHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == "" // a zone is local to this machine, and may contain anything
	}
	return host != "" && host[0] != '-' && !strings.ContainsFunc(host, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	})
}

func parsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("the port is not a number from 1 to 65535")
	}
	return int(port), nil
}
