// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// logLevel is the vendor's ActionLogType (docs/vendors/nps.md 6.2).
type logLevel int

const (
	logDebug logLevel = iota
	logInfo
	logWarn
	logError
)

var logLevelNames = []string{"Debug", "Info", "Warn", "Error"}

// logEvent is one event in the life of a session.
type logEvent struct {
	at      time.Time
	level   logLevel
	message string
}

// logLine is an event as the API shows it (docs/vendors/nps.md 8).
type logLine struct {
	StatusString string   `json:"statusString"`
	Status       logLevel `json:"status"`
	LogMessage   string   `json:"logMessage"`
	LineNumber   int      `json:"lineNumber"`
	Timestamp    string   `json:"timestamp"`
	Version      string   `json:"version"`
}

// logCollection is a page of a session's log.
type logCollection struct {
	Lines      []logLine `json:"lines"`
	TotalCount int       `json:"totalCount"`
	Version    string    `json:"version"`
}

// events returns the session's history up to now. Like its state, it follows from what was decided and when.
func (x *session) events(now time.Time) []logEvent {
	st := x.life.at(now)
	out := []logEvent{{x.life.created, logInfo, descriptions[Pending]}}
	if x.life.needsApproval {
		out = append(out, logEvent{x.life.created, logInfo, descriptions[ApprovalRequired]})
	}
	if d := x.decision; d != nil {
		out = append(out, logEvent{d.at, logInfo, d.message()})
	}
	if begin := x.life.begin(); !x.life.waiting(now) && !now.Before(begin) {
		out = append(out,
			logEvent{begin, logDebug, "Connecting to " + x.target.name() + "."},
			logEvent{begin, logDebug, "Preparing account " + x.loginName() + "."})
	}
	if !st.started.IsZero() {
		out = append(out, logEvent{st.started, logInfo, descriptions[Active]})
	}
	if stop := x.life.stop; stop != nil && !now.Before(stop.at) {
		out = append(out, logEvent{stop.at, logInfo, descriptions[Cancelling]})
	}
	if !st.ended.IsZero() {
		out = append(out, st.lastEvents()...)
	}
	return out
}

// lastEvents are those of an ended session.
func (st state) lastEvents() []logEvent {
	if st.status != Failed {
		return []logEvent{{st.ended, logInfo, st.description}}
	}
	return []logEvent{
		{st.ended, logWarn, "A pre-session action did not succeed."},
		{st.ended, logError, st.description},
	}
}

func (d *decision) message() string {
	verb, who := "denied", operatorName
	if d.approved {
		verb = "approved"
	}
	if d.approver != nil {
		who = d.approver.login
	}
	return strings.TrimSpace("The request was " + verb + " by " + who + ". " + d.notes)
}

// getLog returns a page of the session's log (docs/vendors/nps.md 8). logLevel is the lowest level shown.
func (s *Server) getLog(c *call) (answer, error) {
	x, err := s.visible(c)
	if err != nil {
		return answer{}, err
	}
	q, err := c.logQuery()
	if err != nil {
		return answer{}, err
	}
	lines := []logLine{}
	for i, e := range x.events(c.now) {
		if q.matches(e) {
			lines = append(lines, logLine{
				StatusString: logLevelNames[e.level], Status: e.level, LogMessage: e.message, LineNumber: i + 1,
				Timestamp: c.switches.timeText(e.at), Version: s.version,
			})
		}
	}
	return ok(logCollection{Lines: q.page(lines), TotalCount: len(lines), Version: s.version}), nil
}

type logQuery struct {
	skip, take int
	level      logLevel
	descending bool
	filter     string
	from, to   time.Time
}

func (c *call) logQuery() (logQuery, error) {
	r := c.queryReader()
	q := logQuery{
		skip: r.count("skip", 0), take: r.count("take", takeAll), descending: r.flag("orderdescending"),
		filter: strings.ToLower(r.text("filtertext")), from: r.time("startdate"), to: r.time("enddate"),
	}
	if text := r.text("loglevel"); text != "" {
		q.level = logLevel(slices.IndexFunc(logLevelNames, func(name string) bool { return strings.EqualFold(name, text) }))
		if n, err := strconv.Atoi(text); err == nil && n < len(logLevelNames) {
			q.level = logLevel(n)
		}
		if q.level < logDebug {
			r.invalid("loglevel")
		}
	}
	return q, r.errs.problem()
}

func (q logQuery) matches(e logEvent) bool {
	inTime := (q.from.IsZero() || !e.at.Before(q.from)) && (q.to.IsZero() || !e.at.After(q.to))
	return inTime && e.level >= q.level && strings.Contains(strings.ToLower(e.message), q.filter)
}

func (q logQuery) page(lines []logLine) []logLine {
	if q.descending {
		slices.Reverse(lines)
	}
	return window(lines, q.skip, q.take)
}
