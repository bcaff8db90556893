// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// seenReasons are the reasons that conditions of objects have had in this process.
var seenReasons struct {
	sync.Mutex

	reasons map[string]bool
}

// reasonsEntry is the name of what a process reports of them.
const reasonsEntry = "reasons"

// noteReasons watches the conditions of all of our objects.
func noteReasons(ctx context.Context, c cache.Cache) {
	note := func(obj any) {
		o, ok := obj.(loop.Object)
		if !ok {
			return
		}
		seenReasons.Lock()
		defer seenReasons.Unlock()
		for _, condition := range *o.GetStatus().ObjectConditions() {
			seenReasons.reasons[condition.Reason] = true
		}
	}
	seenReasons.reasons = map[string]bool{}
	for _, kind := range kinds.All() {
		informer, err := c.GetInformer(ctx, kind.New(), cache.BlockUntilSynced(false))
		Expect(err).NotTo(HaveOccurred())
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: note, UpdateFunc: func(_, obj any) { note(obj) },
		})
		Expect(err).NotTo(HaveOccurred())
	}
}

var _ = AfterEach(func() {
	seenReasons.Lock()
	defer seenReasons.Unlock()
	AddReportEntry(reasonsEntry, strings.Join(slices.Sorted(maps.Keys(seenReasons.reasons)), " "),
		types.ReportEntryVisibilityNever)
})

// Every reason that the API declares is one that some spec has brought about. A part of the specs proves nothing.
var _ = ReportAfterSuite("every reason of a condition has been seen", func(report types.Report) {
	config := report.SuiteConfig
	if !report.SuiteSucceeded || len(config.FocusStrings)+len(config.SkipStrings)+len(config.FocusFiles) > 0 ||
		config.LabelFilter != "" || report.SuiteHasProgrammaticFocus {
		return
	}
	seen := map[string]bool{}
	for _, spec := range report.SpecReports {
		for _, entry := range spec.ReportEntries {
			if entry.Name == reasonsEntry {
				for reason := range strings.FieldsSeq(entry.StringRepresentation()) {
					seen[reason] = true
				}
			}
		}
	}
	for _, reason := range pamv1alpha1.AllReasons() {
		Expect(seen).To(HaveKey(reason))
	}
})
