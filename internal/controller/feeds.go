// SPDX-License-Identifier: Apache-2.0

package controller

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/changefeed"
)

// feeds tell of the objects of others that ours refer to. There is one for each kind, whoever listens.
type feeds struct {
	secrets, configMaps *changefeed.Versioned
	jobs, pods          *changefeed.Feed
}

// addFeeds adds the feeds to a manager.
func addFeeds(mgr ctrl.Manager, namespaces []string) (feeds, error) {
	c, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return feeds{}, err
	}
	f := feeds{
		secrets:    changefeed.NewVersioned(c, corev1.SchemeGroupVersion.WithResource("secrets"), namespaces...),
		configMaps: changefeed.NewVersioned(c, corev1.SchemeGroupVersion.WithResource("configmaps"), namespaces...),
		jobs:       changefeed.New(c, batchv1.SchemeGroupVersion.WithResource("jobs"), namespaces...),
		pods:       changefeed.New(c, corev1.SchemeGroupVersion.WithResource("pods"), namespaces...),
	}
	for _, feed := range []*changefeed.Feed{f.secrets.Feed, f.configMaps.Feed, f.jobs, f.pods} {
		if err := mgr.Add(feed); err != nil {
			return feeds{}, err
		}
	}
	return f, nil
}

// anyName is in an index with the names that an object refers to, so that all that refer to anything are found: by a
// feed that has missed what changed.
const anyName = "*"

func orAny(names client.IndexerFunc) client.IndexerFunc {
	return func(obj client.Object) []string {
		out := names(obj)
		if len(out) > 0 {
			out = append(out, anyName)
		}
		return out
	}
}

// nameOrAny is what an index is asked for; see changefeed.Feed.Source.
func nameOrAny(obj client.Object) string {
	if name := obj.GetName(); name != "" {
		return name
	}
	return anyName
}
