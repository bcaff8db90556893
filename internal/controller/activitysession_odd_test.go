// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// damaged writes a member of every session and summary otherwise than it should be: an empty value drops it, and % is
// what it was.
func (s *site) damaged(member, value string) {
	s.nps.Faults().OnAnswer(func(r *http.Request, body []byte) []byte {
		if r.Method == http.MethodDelete || !strings.Contains(r.URL.Path, "/ActivitySession") {
			return body
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(body, &object) != nil {
			return body
		}
		if data, ok := object["data"]; ok {
			var items []map[string]json.RawMessage
			if json.Unmarshal(data, &items) != nil {
				return body
			}
			for _, item := range items {
				damageIn(item, member, value)
			}
			object["data"] = encode(items)
		} else {
			damageIn(object, member, value)
		}
		return encode(object)
	})
}

func encode(v any) json.RawMessage {
	GinkgoHelper()
	text, err := json.Marshal(v)
	Expect(err).NotTo(HaveOccurred())
	return text
}

// summaryNames are the names that a summary has for what a session calls otherwise (docs/vendors/nps.md 5.2).
var summaryNames = map[string]string{
	"status": "sessionStatus", "statusDescription": "sessionStatusDescription",
	"scheduledStartDateTimeUtc": "startDateTimeUtc", "scheduledEndDateTimeUtc": "endDateTimeUtc",
}

func damageIn(object map[string]json.RawMessage, member, value string) {
	if _, ok := object[member]; !ok {
		member = summaryNames[member]
	}
	if _, ok := object[member]; !ok {
		return
	}
	was := string(object[member])
	if object[member] = json.RawMessage(strings.ReplaceAll(value, "%", was)); value == "" {
		delete(object, member)
	}
}

var _ = Describe("An ActivitySession whose server writes one member in a way that nobody can read", func() {
	const garbage, object, aDate = `"garbage"`, `{"a":[1]}`, `"25.11.2026 12:00"`
	for member, values := range map[string][]string{
		"id":                 {"", "null", object},
		"status":             {"", "null", garbage, object, `"%"`, "%.0"},
		"createdDateTimeUtc": {"", "null", aDate, "5"}, "scheduledStartDateTimeUtc": {"", "null", aDate, object},
		"scheduledEndDateTimeUtc": {"", "null", aDate, "5"}, "actualStartDateTimeUtc": {aDate, object},
		"actualEndDateTimeUtc": {"", aDate}, "statusDescription": {"", "5", object},
		"note": {"", "null", "5", object, garbage}, "ticket": {"5", object}, "locked": {"", "null", garbage},
		"activity": {"", "null", garbage, "[]"}, "managedResource": {"", "null", garbage, "[]"},
		"managedResourceId": {"", "null", object}, "activityId": {"null", object},
		"activityConfiguration": {"", "null", garbage}, "loginAccountName": {"null", object},
		"proxySessions": {"", "null", garbage, object, `[5]`}, "sessionExtensionCount": {"null", `"2"`, garbage},
		"allowSessionExtension": {"null", `"true"`, object}, "cancelledBy": {"5", object},
	} {
		It("in "+member+", is ended when it is deleted", func(ctx context.Context) {
			s := newServerSite(ctx, simnps.Options{})
			for _, value := range values {
				By("written as " + value)
				s.nps.Faults().OnAnswer(nil)
				session := s.activeSession(ctx, "session")
				s.damaged(member, value)
				s.wake(ctx, session)
				Expect(k8s.Delete(ctx, session)).To(Succeed())
				Eventually(func() string { return s.atServer(session).Status }).Should(Equal("Complete"), "the session lives on")
				eventuallyGone(ctx, session)
			}
		})

		It("in "+member+", is asked for once, used if its state can be read, and ended", func(ctx context.Context) {
			s := newServerSite(ctx, simnps.Options{})
			for i, value := range values {
				By("written as " + value)
				s.damaged(member, value)
				session := s.session(ctx, "session")
				readable := member != "status" || i >= 4
				if readable && member != "id" {
					eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
				} else {
					Eventually(func() int { return len(s.nps.Sessions()) }).Should(Equal(i + 1))
				}
				Expect(k8s.Delete(ctx, session)).To(Succeed())
				eventuallyGone(ctx, session)
				Expect(s.nps.Sessions()).To(HaveLen(i + 1))
				for _, there := range s.nps.Sessions() {
					Eventually(func() string {
						now, _ := s.nps.Session(there.ID)
						return now.Status
					}).Should(Equal("Complete"), "a session lives on")
				}
			}
		})
	}

	DescribeTable("as a whole, is ended all the same",
		func(ctx context.Context, rule fault.Rule, end func(context.Context, *pamv1alpha1.ActivitySession)) {
			s := newServerSite(ctx, simnps.Options{})
			session := s.activeSession(ctx, "session")
			rule.Name, rule.Method, rule.Path = "unread", http.MethodGet, "/ActivitySession/[^/]*-[^/]*$"
			s.fault(rule)
			end(ctx, session)
			Eventually(func() string { return s.atServer(session).Status }).Should(Equal("Complete"), "the session lives on")
			s.nps.Faults().Remove("unread")
		},
		Entry("when it is deleted, and is no JSON", fault.Rule{Status: 200, Body: "<p>"}, deleteSession),
		Entry("when it is deleted, and is a list", fault.Rule{Status: 200, Body: "[]"}, deleteSession),
		Entry("when it is deleted, and is a 500", fault.Rule{Status: 500}, deleteSession),
		Entry("when it is deleted, and is a 403", fault.Rule{Status: 403}, deleteSession),
		Entry("when it is cancelled, and is a list", fault.Rule{Status: 200, Body: "[]"}, cancel),
		Entry("when it is cancelled, and is a 500", fault.Rule{Status: 500}, cancel),
	)

	It("but in a list alone, becomes active and ends", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Second})
		s.nps.Faults().OnAnswer(func(r *http.Request, body []byte) []byte {
			if !strings.Contains(r.URL.Path, "MySummaryByStatus") {
				return body
			}
			return []byte(strings.ReplaceAll(string(body), `"sessionStatus":`, `"sessionStatus":null,"was":`))
		})
		session := s.activeSession(ctx, "session")
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
	})

	It("but the other one in the same list, goes on", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.activeSession(ctx, "broken")
		s.nps.Faults().OnAnswer(func(r *http.Request, body []byte) []byte {
			if !strings.Contains(r.URL.Path, "MySummaryByStatus") {
				return body
			}
			odd := strings.Replace(string(body), `"data":[`, `"data":[null,{"id":5},{"note":[]},"x",`, 1)
			return []byte(strings.Replace(odd, `,]`, `]`, 1))
		})
		s.nps.SetSwitches(func(sw *simnps.Switches) { sw.CreatesLost = 1 }) // so it has to be searched for
		session := s.activeSession(ctx, "session")
		Expect(s.nps.End(session.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
	})
})

func deleteSession(ctx context.Context, session *pamv1alpha1.ActivitySession) {
	GinkgoHelper()
	Expect(k8s.Delete(ctx, session)).To(Succeed())
}

var _ = Describe("An active ActivitySession whose connection data the server does not give", func() {
	DescribeTable("asks again with growing pauses, says so, and hands it over when it comes",
		func(ctx context.Context, status int, path, key, words string, request ...builder.Option) {
			s := newServerSite(ctx, simnps.Options{})
			s.fault(fault.Rule{Name: "none", Path: path, Status: status})
			session := s.session(ctx, "session", request...)
			eventuallyReason(ctx, session, pamv1alpha1.ReasonRejected)
			Expect(condition(session, pamv1alpha1.ConditionActive)).To(Equal(metav1.ConditionTrue))
			Expect(condition(session, pamv1alpha1.ConditionReconciling)).To(Equal(metav1.ConditionTrue))
			Expect(message(ctx, session)).To(And(ContainSubstring(words), ContainSubstring(strconv.Itoa(status))))
			Expect(secretOf(ctx, session)).To(BeNil())
			Eventually(func() int { return s.nps.Faults().Count("GET", path) }).Should(BeNumerically(">=", 6))
			var asked []time.Time
			for _, c := range s.nps.Faults().Calls() {
				if c.Rule == "none" {
					asked = append(asked, c.Time)
				}
			}
			first, last := asked[1].Sub(asked[0]), asked[len(asked)-1].Sub(asked[len(asked)-2])
			Expect(last).To(BeNumerically(">", 2*first), "the pauses do not grow")
			s.nps.Faults().Remove("none")
			eventuallyReady(ctx, session)
			Expect(value(ctx, session, key)()).NotTo(BeEmpty())
			Expect(s.nps.Stats().Creates).To(Equal(1))
		},
		Entry("an RDP file", 404, "/ActivitySession/Rdp/", "rdp", "does not give its RDP file", onWindows()),
		Entry("an RDP file that is forbidden", 403, "/ActivitySession/Rdp/", "rdp", "does not give its RDP file",
			onWindows()),
		Entry("an SSH URL", 404, "/ActivitySession/Ssh/", "ssh-url", "does not give its SSH URL"),
		Entry("an SSH URL that was asked for", 404, "/ActivitySession/Ssh/", "ssh-url", "does not give its SSH URL",
			builder.Resource("appliance1"), protocol(pamv1alpha1.ProtocolSSH)),
	)
})
