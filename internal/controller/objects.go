// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/metrics/objects"
)

// countObjects registers the metrics of objects, and adds to the manager what they need.
func countObjects(mgr ctrl.Manager, d loop.Deps) error {
	client, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	records, err := objects.NewRecords(client, d.Namespaces, d.Namespace)
	if err != nil {
		return err
	}
	if err := mgr.Add(records); err != nil {
		return err
	}
	return d.Metrics.Register(objects.NewCollector(objects.Config{
		Source: objects.Cache{Cache: mgr.GetCache()}, Clients: d.Pool, Leftovers: records, Elected: mgr.Elected(),
		Log: mgr.GetLogger().WithName("metrics"),
	}))
}
