// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

const rdpSample = "screen mode id:i:1\nfull address:s:nps-proxy.lab.test\nserver port:i:4489\nusername:s:one:time\n"

func utf16Of(text string, order binary.AppendByteOrder) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

func TestParseRDPFile(t *testing.T) {
	sample := RDPTarget{Host: "nps-proxy.lab.test", Port: 4489, Username: "one:time"}
	tests := map[string]struct {
		file []byte
		want RDPTarget
	}{
		"line feeds":                     {[]byte(rdpSample), sample},
		"carriage returns":               {[]byte(strings.ReplaceAll(rdpSample, "\n", "\r\n")), sample},
		"a byte order mark":              {[]byte("\ufefffull address:s:h\n"), RDPTarget{Host: "h", Port: 3389}},
		"UTF-16 with a mark":             {utf16Of("\ufeff"+rdpSample, binary.LittleEndian), sample},
		"UTF-16 without a mark":          {utf16Of(rdpSample, binary.LittleEndian), sample},
		"UTF-16 the other way round":     {utf16Of("\ufeff"+rdpSample, binary.BigEndian), sample},
		"a port in the address":          {[]byte("full address:s:h:1\nserver port:i:2"), RDPTarget{Host: "h", Port: 1}},
		"keys in capitals":               {[]byte("FULL ADDRESS:s:h\nServer Port:i:5"), RDPTarget{Host: "h", Port: 5}},
		"an address of IPv6":             {[]byte("full address:s:fe80::1"), RDPTarget{Host: "fe80::1", Port: 3389}},
		"an address of IPv6 with a port": {[]byte("full address:s:[fe80::1]:7"), RDPTarget{Host: "fe80::1", Port: 7}},
		"lines that are no settings":     {[]byte("\n:\nno\na:b\nfull address:s: h \n"), RDPTarget{Host: "h", Port: 3389}},
		"the last of two equal keys":     {[]byte("full address:s:a\nfull address:s:b"), RDPTarget{Host: "b", Port: 3389}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRDPFile(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRDPFileRefuses(t *testing.T) {
	tests := map[string]string{
		"nothing":                     "",
		"a file without an address":   "username:s:canary\n",
		"a host like an option":       "full address:s:-canary",
		"a host with a blank":         "full address:s:canary x",
		"an invalid port":             "full address:s:h\nserver port:i:canary",
		"a port beyond the last":      "full address:s:h:65536",
		"port zero":                   "full address:s:h\nserver port:i:0",
		"a colon that is not an IPv6": "full address:s:canary:a:b",
	}
	for name, file := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseRDPFile([]byte(file))
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the file: %v", err)
			}
		})
	}
}

func FuzzParseRDPFile(f *testing.F) {
	f.Add([]byte(rdpSample))
	f.Add(utf16Of("\ufeff"+rdpSample, binary.LittleEndian))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := ParseRDPFile(file)
		if err == nil {
			checkAddress(t, got.Host, got.Port)
		}
	})
}

func TestParseSSHURL(t *testing.T) {
	tests := map[string]struct {
		url  string
		want SSHTarget
	}{
		"a user that is encoded": {
			"ssh://LAB%5Csvc%2BLinux_root%2Bhost1@nps:4422", SSHTarget{`LAB\svc+Linux_root+host1`, "nps", 4422},
		},
		"a user with a bare plus":    {"ssh://svc+Linux_root+host1@nps:22", SSHTarget{"svc+Linux_root+host1", "nps", 22}},
		"a user with an @":           {"ssh://svc@lab.test+a+b@nps:1", SSHTarget{"svc@lab.test+a+b", "nps", 1}},
		"a user with a slash":        {"ssh://a/b@nps:1", SSHTarget{"a/b", "nps", 1}},
		"a user with a bad escape":   {"ssh://a%zz@nps:1", SSHTarget{"a%zz", "nps", 1}},
		"no port":                    {"ssh://token@nps", SSHTarget{"token", "nps", 4422}},
		"a colon without a port":     {"ssh://token@nps:", SSHTarget{"token", "nps", 4422}},
		"no user":                    {"ssh://nps:5", SSHTarget{"", "nps", 5}},
		"a path and a query":         {"ssh://u@nps:5/x?y", SSHTarget{"u", "nps", 5}},
		"IPv6":                       {"ssh://u@[fe80::1]:5", SSHTarget{"u", "fe80::1", 5}},
		"capitals and blanks around": {" SSH://u@nps:5\n", SSHTarget{"u", "nps", 5}},
		"an address of four numbers": {"ssh://u@192.0.2.1", SSHTarget{"u", "192.0.2.1", 4422}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSSHURL(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSSHURLRefuses(t *testing.T) {
	tests := map[string]string{
		"nothing":                 "",
		"another scheme":          "http://canary@h",
		"no host":                 "ssh://canary@",
		"a host like an option":   "ssh://u@-oProxyCommand=canary",
		"an invalid port":         "ssh://u@h:canary",
		"a line feed in the user": "ssh://canary%0A@h",
	}
	for name, url := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSSHURL(url)
			if err == nil {
				t.Fatalf("got %+v", got)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the url: %v", err)
			}
		})
	}
}

func FuzzParseSSHURL(f *testing.F) {
	f.Add("ssh://LAB%5Csvc@nps:4422")
	f.Add("ssh://u@[::1]")
	f.Fuzz(func(t *testing.T, url string) {
		got, err := ParseSSHURL(url)
		if err == nil {
			checkAddress(t, got.Host, got.Port)
		}
	})
}

func checkAddress(t *testing.T, host string, port int) {
	t.Helper()
	if host == "" || host[0] == '-' || strings.ContainsAny(host, " \t\r\n/@;|&$`'\"") {
		t.Errorf("host %q", host)
	}
	if port < 1 || port > 65535 {
		t.Errorf("port %d", port)
	}
}
