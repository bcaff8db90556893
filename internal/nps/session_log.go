// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// LogLevel is the severity of a line in a session's log.
type LogLevel string

// The levels; LogLevelAny selects all.
const (
	LogLevelAny   LogLevel = ""
	LogLevelDebug LogLevel = "Debug"
	LogLevelInfo  LogLevel = "Info"
	LogLevelWarn  LogLevel = "Warn"
	LogLevelError LogLevel = "Error"
)

var logLevelNames = map[int]string{
	0: string(LogLevelDebug),
	1: string(LogLevelInfo),
	2: string(LogLevelWarn),
	3: string(LogLevelError),
}

// UnmarshalJSON reads an integer or a name and never fails.
func (l *LogLevel) UnmarshalJSON(data []byte) error {
	*l = LogLevel(decodeEnum(data, logLevelNames))
	return nil
}

// LogLine is a line of a session's log.
type LogLine struct {
	Level   LogLevel `json:"status"`
	Message string   `json:"logMessage"`
	Number  int      `json:"lineNumber"`
	Time    Time     `json:"timestamp"`
}

// UnmarshalJSON reads member by member and never fails.
func (l *LogLine) UnmarshalJSON(data []byte) error {
	type wire LogLine
	return lenient(data, (*wire)(l))
}

// Log reads up to take lines of a session's log, newest first (docs/vendors/nps.md 8). Secrets are redacted.
func (c *Client) Log(ctx context.Context, id string, level LogLevel, take int) ([]LogLine, error) {
	req := session(operationSessionLog, http.MethodGet, id, "Log")
	req.Query = url.Values{"orderDescending": {"true"}, "take": {strconv.Itoa(take)}}
	if level != LogLevelAny {
		req.Query.Set("logLevel", string(level))
	}
	var lines []LogLine
	err := c.rest.Stream(ctx, req, func(s *rest.Stream) error {
		return s.Members(func(name string) error {
			if !strings.EqualFold(name, "lines") {
				return s.Skip()
			}
			_, err := s.Items(func() error {
				if len(lines) >= take { // the server may ignore the limit
					return s.Skip()
				}
				var line LogLine
				if err := s.Value(&line); err != nil {
					return err
				}
				line.Message = c.redactor.redact(line.Message)
				lines = append(lines, line)
				return nil
			})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return lines, nil
}
