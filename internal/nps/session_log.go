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

// LogLevel is the weight of a line in a session's log.
type LogLevel string

// The levels; LogLevelAny filters nothing.
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

// Log reads at most take lines of a session's log, the newest first (nps contract 8). Secrets are cut out of them.
func (c *Client) Log(ctx context.Context, id string, level LogLevel, take int) ([]LogLine, error) {
	req := session(http.MethodGet, id, "Log")
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
				if len(lines) >= take { // a server need not obey
					return s.Skip()
				}
				var line LogLine
				if err := s.Value(&line); err != nil {
					return err
				}
				line.Message = c.words.clean(line.Message)
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
