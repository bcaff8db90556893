// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/verdict"
)

// The tools of GitOps are judged by what the operator really writes: every state in which a spec leaves an object is
// kept, as an example, where the tests of test/gitops find it. These compare the tools with the examples; here, the
// examples are compared with the states of this run.
var record = flag.Bool("record", false, "add the states that have no example to "+examples)

const examples = "../../config/argocd/resource_customizations/pam-operator.io/_/testdata"

// statesEntry is the name of what a process reports of the states that it has seen.
const statesEntry = "states"

// candidates is how many objects of one state are looked at; the shortest becomes the example.
const candidates = 8

// seenStates are the states of objects in this process, by the file of their example.
var seenStates struct {
	sync.Mutex

	states map[string]*seenState
	// failure is why an object could not be kept.
	failure error
}

type seenState struct {
	example  string
	seen     int
	reported bool
}

// noteStates watches the states of all of our objects.
func noteStates(ctx context.Context, c cache.Cache) {
	seenStates.states = map[string]*seenState{}
	for _, kind := range kinds.All() {
		note := func(obj any) { noteState(kind.Name, obj) }
		informer, err := c.GetInformer(ctx, kind.New(), cache.BlockUntilSynced(false))
		Expect(err).NotTo(HaveOccurred())
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: note, UpdateFunc: func(_, obj any) { note(obj) },
		})
		Expect(err).NotTo(HaveOccurred())
	}
}

func noteState(kind string, obj any) {
	o, ours := obj.(loop.Object)
	if !ours {
		return
	}
	seen, err := verdict.Unstructured(o, pamv1alpha1.GroupVersion.WithKind(kind))
	if err == nil {
		err = keepState(seen)
	}
	if err != nil {
		seenStates.Lock()
		defer seenStates.Unlock()
		seenStates.failure = err
	}
}

// keepState keeps an object as the example of its state, if it is the shortest one.
func keepState(o *unstructured.Unstructured) error {
	state, err := verdict.StateOf(o)
	if err != nil {
		return err
	}
	seenStates.Lock()
	defer seenStates.Unlock()
	known := seenStates.states[state.File()]
	if known == nil {
		known = &seenState{}
		seenStates.states[state.File()] = known
	}
	if known.seen++; known.seen > candidates {
		return nil
	}
	example, err := verdict.Record(o)
	if err == nil && (known.example == "" || shorter(example, known.example)) {
		known.example, known.reported = example, false
	}
	return err
}

func shorter(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

var _ = AfterEach(func() {
	seenStates.Lock()
	defer seenStates.Unlock()
	Expect(seenStates.failure).NotTo(HaveOccurred())
	var fresh strings.Builder
	for _, known := range seenStates.states {
		if !known.reported {
			known.reported = true
			fresh.WriteString("---\n" + known.example)
		}
	}
	if fresh.Len() > 0 {
		AddReportEntry(statesEntry, fresh.String(), types.ReportEntryVisibilityNever)
	}
})

// What GitOps tools say about the states of this run is what they say about the examples of these states. A state that
// comes and goes within an instant is not seen in every run, so one without an example is only reported; that no reason
// and no phase is without an example is a test in test/gitops.
var _ = ReportAfterSuite("the examples for GitOps tools are what the operator writes", compareStates)

func compareStates(ctx SpecContext, report types.Report) {
	seen := statesOf(report)
	Expect(seen).NotTo(BeEmpty(), "no state of any object was noticed")
	judges, err := verdict.NewJudges("../..")
	Expect(err).NotTo(HaveOccurred())
	judge := func(manifest string) verdict.Verdict {
		v, err := judges.Judge(ctx, object(manifest))
		Expect(err).NotTo(HaveOccurred(), manifest)
		return v
	}
	var missing []string
	for _, file := range slices.Sorted(maps.Keys(seen)) {
		path := filepath.Join(examples, file)
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, file)
			if *record {
				Expect(os.MkdirAll(filepath.Dir(path), 0o750)).To(Succeed())
				Expect(os.WriteFile(path, []byte(seen[file]), 0o600)).To(Succeed())
			}
			continue
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(judge(seen[file])).To(Equal(judge(string(content))),
			"%s; delete it and record it anew if the operator now writes something else:\n%s", file, seen[file])
	}
	if len(missing) > 0 {
		GinkgoWriter.Printf("no example: %s\n", strings.Join(missing, " "))
	}
}

// statesOf are the states that all processes have reported, with the shortest example of each.
func statesOf(report types.Report) map[string]string {
	seen := map[string]string{}
	for _, spec := range report.SpecReports {
		for _, entry := range spec.ReportEntries {
			if entry.Name != statesEntry {
				continue
			}
			for example := range strings.SplitSeq(entry.StringRepresentation(), "---\n") {
				if example == "" {
					continue
				}
				o := object(example)
				state, err := verdict.StateOf(o)
				Expect(err).NotTo(HaveOccurred())
				if known := seen[state.File()]; known == "" || shorter(example, known) {
					seen[state.File()] = example
				}
			}
		}
	}
	return seen
}

func object(manifest string) *unstructured.Unstructured {
	GinkgoHelper()
	objects, err := installation.Decode([]byte(manifest))
	Expect(err).NotTo(HaveOccurred())
	Expect(objects).To(HaveLen(1))
	return objects[0]
}
