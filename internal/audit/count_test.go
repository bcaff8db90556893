// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestWhatIsRecordedIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		action Action
		result Result
		// want are the series that grow by one.
		want []string
	}{
		"adopted":         {Adopt, Succeeded, []string{"pam_adoptions_total/adopted"}},
		"not adopted":     {Adopt, Denied, []string{"pam_adoptions_total/refused"}},
		"perhaps adopted": {Adopt, Unknown, nil},
		"requested":       {Request, Succeeded, []string{"pam_session_requests_total/created"}},
		"refused":         {Request, Refused, []string{"pam_session_requests_total/refused"}},
		"not answered":    {Request, Unknown, []string{"pam_session_requests_total/lost"}},
		"not sent":        {Request, Failed, []string{"pam_session_requests_total/failed"}},
		"denied by us":    {Request, Denied, nil},
		"found again": {AdoptSession, Succeeded, []string{
			"pam_session_requests_total/recovered", "pam_session_duplicates_total/prevented",
		}},
		"ended for a second time": {EndDuplicate, Succeeded, []string{"pam_session_duplicates_total/ended"}},
		"extended":                {Extend, Succeeded, []string{"pam_session_extensions_total/extended"}},
		"not extended":            {Extend, Refused, []string{"pam_session_extensions_total/refused"}},
		"not to be extended":      {Extend, Denied, []string{"pam_session_extensions_total/denied"}},
		"written":                 {Update, Succeeded, nil},
		"handed over":             {Hand, Succeeded, nil},
	} {
		t.Run(name, func(t *testing.T) {
			connection := types.NamespacedName{Namespace: "audit-test", Name: "c"}
			defer metrics.SPS(connection).Forget()
			defer metrics.NPS(connection).Forget()
			Write(context.Background(), Record{
				Action: c.action, Result: c.result, Kind: "LocalUser", Connection: connection, Object: builder.LocalUser("a"),
			})
			got := counted(t, connection)
			for _, want := range c.want {
				if got[want] != 1 {
					t.Errorf("%s is %v", want, got[want])
				}
				delete(got, want)
			}
			for series, n := range got {
				if n != 0 {
					t.Errorf("%s is %v", series, n)
				}
			}
		})
	}
}

// counted are the counters of a connection, by name and result.
func counted(t *testing.T, connection types.NamespacedName) map[string]float64 {
	t.Helper()
	gatherer, ok := crmetrics.Registry.(prometheus.Gatherer)
	if !ok {
		t.Fatal("the registry cannot be read")
	}
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if labels["connection_namespace"] == connection.Namespace && m.GetCounter() != nil {
				out[family.GetName()+"/"+labels["result"]+labels["outcome"]] += m.GetCounter().GetValue()
			}
		}
	}
	return out
}
