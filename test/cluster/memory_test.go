// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

// logMemory logs what the kubelets say about the memory of the managers, if this user may ask them.
func (s *scenario) logMemory(when string) {
	s.Helper()
	leader, _ := s.managers()
	var pods corev1.PodList
	s.must(s.client.List(s.Context(), &pods, managers))
	var found []string
	for i := range pods.Items {
		pod := &pods.Items[i]
		role := "waiting"
		if pod.Name == leader {
			role = "leading"
		}
		if bytes, known := s.workingSet(pod); known {
			found = append(found, fmt.Sprintf("%.1f MiB %s", float64(bytes)/(1<<20), role))
		}
	}
	slices.Sort(found)
	s.Logf("memory of the managers %s: %s", when, strings.Join(found, ", "))
}

// workingSet is what counts against a memory limit. A kubelet knows it a while after a pod has started.
func (s *scenario) workingSet(pod *corev1.Pod) (bytes uint64, known bool) {
	s.Helper()
	type summary struct {
		Pods []struct {
			PodRef struct{ Name, Namespace string }
			Memory struct{ WorkingSetBytes uint64 }
		}
	}
	s.eventually(func(g Gomega) {
		out, err := s.run(s.Context(), "", "get", "--raw", "/api/v1/nodes/"+pod.Spec.NodeName+"/proxy/stats/summary")
		if err != nil {
			s.Logf("no memory of %s: %v", pod.Name, err)
			return
		}
		var nodes summary
		g.Expect(json.Unmarshal([]byte(out), &nodes)).To(Succeed())
		for _, p := range nodes.Pods {
			if p.PodRef.Name == pod.Name && p.PodRef.Namespace == pod.Namespace {
				bytes = p.Memory.WorkingSetBytes
			}
		}
		g.Expect(bytes).NotTo(BeZero())
		known = true
	})
	return bytes, known
}
