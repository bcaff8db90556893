// SPDX-License-Identifier: Apache-2.0

package loop

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/changefeed"
)

// Feeds report changes to foreign objects that ours refer to. There is one for each kind, shared by all controllers.
type Feeds struct {
	Secrets, ConfigMaps *changefeed.Versioned
	Jobs, Pods          *changefeed.Feed
}

// AddFeeds adds the feeds to a manager.
func AddFeeds(mgr ctrl.Manager, namespaces []string) (Feeds, error) {
	c, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return Feeds{}, err
	}
	f := Feeds{
		Secrets:    changefeed.NewVersioned(c, corev1.SchemeGroupVersion.WithResource("secrets"), namespaces...),
		ConfigMaps: changefeed.NewVersioned(c, corev1.SchemeGroupVersion.WithResource("configmaps"), namespaces...),
		Jobs:       changefeed.New(c, batchv1.SchemeGroupVersion.WithResource("jobs"), namespaces...),
		Pods:       changefeed.New(c, corev1.SchemeGroupVersion.WithResource("pods"), namespaces...),
	}
	for _, feed := range []*changefeed.Feed{f.Secrets.Feed, f.ConfigMaps.Feed, f.Jobs, f.Pods} {
		if err := mgr.Add(feed); err != nil {
			return Feeds{}, err
		}
	}
	return f, nil
}

// anyName is in an index beside the names that an object refers to. It finds all objects that refer to anything, for a
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

// NameOrAny is the value to look up in an index; see changefeed.Feed.Source.
func NameOrAny(obj client.Object) string {
	if name := obj.GetName(); name != "" {
		return name
	}
	return anyName
}

// Unlisted names the resources that have not been listed yet, perhaps because a right is missing.
func (f Feeds) Unlisted() []string {
	var out []string
	for _, feed := range []*changefeed.Feed{f.Secrets.Feed, f.ConfigMaps.Feed, f.Jobs, f.Pods} {
		if !feed.Listed() {
			out = append(out, feed.String())
		}
	}
	return out
}
