// SPDX-License-Identifier: Apache-2.0

// Package controller sets up the controllers: those that keep an appliance in sync with objects (package policy), those
// that request and follow privileged sessions (package session), and those that probe connections (package probe). What
// they share, such as the classification of errors and the status writer, is in package loop.
package controller

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/export"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/policy"
	"github.com/pam-operator/pam-operator/internal/controller/probe"
	"github.com/pam-operator/pam-operator/internal/controller/session"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// controllers has the controller of each kind.
var controllers = map[string]func(ctrl.Manager, loop.Deps) error{
	kinds.SPSConnection:       probe.SetupSPSConnection,
	kinds.NPSConnection:       probe.SetupNPSConnection,
	kinds.LocalUser:           policy.SetupLocalUser,
	kinds.LocalUserGroup:      policy.SetupLocalUserGroup,
	kinds.RDPConnectionPolicy: policy.SetupRDPConnectionPolicy,
	kinds.SessionTermination:  policy.SetupSessionTermination,
	kinds.ApplianceExport:     export.SetupApplianceExport,
	kinds.ActivitySession:     session.SetupActivitySession,
}

// There is no resource called managers: the policies of config/admission recognise the manager by this cluster-wide
// right.
//
// +kubebuilder:rbac:groups=pam-operator.io,resources=managers,verbs=manage

// ManagerOptions are what the controllers need of their manager: Secrets and ConfigMaps are read when needed and never
// cached, and the cache drops fields that are never read.
func ManagerOptions() ctrl.Options {
	return ctrl.Options{
		Cache: cache.Options{DefaultTransform: loop.StripForCache},
		Client: client.Options{Cache: &client.CacheOptions{
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Pod{}, &batchv1.Job{}},
		}},
	}
}

// Setup adds every controller, and what they share, to a manager. The end of ctx is an order to stop, after which
// running work may finish. If a manager stops for another reason, such as a lost lease, running work is dropped.
func Setup(ctx context.Context, mgr ctrl.Manager, options loop.Options) error {
	if err := loop.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("add indexes: %w", err)
	}
	d, err := newDeps(ctx, mgr, options.WithDefaults())
	if err != nil {
		return err
	}
	if err := addControllers(mgr, d); err != nil {
		return fmt.Errorf("add controllers: %w", err)
	}
	if options.Metrics != nil {
		if err := countObjects(mgr, d); err != nil {
			return fmt.Errorf("count the objects: %w", err)
		}
	}
	if options.Vitals != nil {
		*options.Vitals = vitalsOf(d, mgr.GetCache())
	}
	return nil
}

func addControllers(mgr ctrl.Manager, deps loop.Deps) error {
	for _, kind := range kinds.All() {
		setup, ok := controllers[kind.Name]
		if !ok {
			return fmt.Errorf("%s has none", kind.Name)
		}
		if err := setup(mgr, deps); err != nil {
			return err
		}
	}
	return nil
}

// newDeps makes what the controllers share, and adds to the manager what of it has to run.
func newDeps(ctx context.Context, mgr ctrl.Manager, options loop.Options) (loop.Deps, error) {
	feeds, err := loop.AddFeeds(mgr, options.Namespaces)
	if err != nil {
		return loop.Deps{}, fmt.Errorf("add the feeds of foreign objects: %w", err)
	}
	namespaces, relabelled, err := addNamespaces(mgr, options)
	if err != nil {
		return loop.Deps{}, fmt.Errorf("add the reader of namespaces: %w", err)
	}
	claims := loop.NewClaims()
	if err := claims.Watch(ctx, mgr.GetCache()); err != nil {
		return loop.Deps{}, fmt.Errorf("follow the objects of policy kinds: %w", err)
	}
	d := loop.Deps{
		Claims: claims, Options: options, Feeds: feeds, Client: mgr.GetClient(), Live: mgr.GetAPIReader(),
		Events: mgr.GetEventRecorder("pam-operator"), Records: loop.NewRecordBook(),
		Requests:             loop.NewRequestBook(options.RequestPause),
		OwnWrites:            loop.NewOwnWrites(),
		ConfigurationChanged: &loop.Broadcast{}, Relabelled: relabelled,
		Activity: make(chan event.GenericEvent, wakeBuffer), Servers: make(chan event.GenericEvent, wakeBuffer),
		Sessions: make(chan event.GenericEvent),
	}
	cfg := poolConfig(mgr, d, namespaces)
	cfg.Stop = ctx.Done()
	d.Pool = connection.NewPool(cfg)
	if err := mgr.Add(d.Pool); err != nil {
		return loop.Deps{}, fmt.Errorf("add the pool of connections: %w", err)
	}
	return d, nil
}

func poolConfig(mgr ctrl.Manager, d loop.Deps, namespaces connection.Namespaces) connection.Config {
	return connection.Config{
		Cache: mgr.GetCache(), Live: d.Live, Client: d.Client, Namespaces: namespaces,
		Secrets: d.Secrets, ConfigMaps: d.ConfigMaps,
		UserAgent: d.UserAgent, Fence: d.Fence, Network: d.Network, Memory: rest.NewBudget(d.AnswerMemory),
		LockedRetry: d.LockedRetry, RetainFor: d.DeletionDeadline, MinPollInterval: d.MinPollInterval,
		MaxRequestsPerSecond: int32(d.MaxRequestsPerSecond), //nolint:gosec // the API allows at most 1000
		NotifyAppliance:      notifyAppliance(d.Activity),
		NotifyServer:         notifyServer(d.Servers),
		NotifySession:        notifySession(d.Sessions),
	}
}
