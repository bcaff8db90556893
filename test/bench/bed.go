// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	namespace    = "bench"
	fieldManager = "pam-bench"
	caConfigMap  = "ca"
	caKey        = "ca.crt"
	account      = "pam-operator"
)

// scheme knows the kinds of Kubernetes and ours.
var scheme = newScheme()

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	// Neither can fail for an empty scheme.
	_ = clientgoscheme.AddToScheme(s)
	_ = pamv1alpha1.AddToScheme(s)
	return s
}

// bed is the environment of one scenario.
type bed struct {
	*bench
	dir       string
	plane     *controlplane.ControlPlane
	client    client.Client
	installed installation.Installation
	// faults records the calls to the manager's counterpart: the appliance, or the server.
	faults    *fault.Injector
	appliance *appliance
	policies  *policies
	manager   *manager
}

// newBed starts a control plane and an appliance, with a connection to it; everything but the manager. It all ends with
// the scenario.
func (b *bench) newBed(ctx context.Context, configure func(*sps.Switches), options ...builder.Option) (*bed, error) {
	d, err := b.newCluster(ctx)
	if err != nil {
		return nil, err
	}
	return d, inOrder(ctx,
		func(ctx context.Context) error { return d.startAppliance(ctx, configure) },
		func(ctx context.Context) error { return d.connect(ctx, options) },
		d.watchPolicies,
	)
}

// newCluster starts a control plane, which ends with the scenario.
func (b *bench) newCluster(ctx context.Context) (*bed, error) {
	d := &bed{bench: b}
	var err error
	if d.dir, err = os.MkdirTemp("", "pam-bench-"); err != nil {
		return nil, err
	}
	b.atEnd(d.leave)
	return d, d.startControlPlane(ctx)
}

// inOrder runs steps until one fails.
func inOrder(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// leave removes the folder, or keeps it with the record of the appliance's calls, for analysing where the time went.
func (d *bed) leave() error {
	if !d.keep {
		return os.RemoveAll(d.dir)
	}
	d.say("logs, calls.json and kubeconfig are kept in %s", d.dir)
	if d.faults == nil {
		return nil
	}
	calls, err := json.Marshal(d.faults.Calls())
	if err != nil {
		return err
	}
	return os.WriteFile(d.path("calls.json"), calls, 0o600)
}

func (d *bed) path(name string) string { return filepath.Join(d.dir, name) }

func (d *bed) startControlPlane(ctx context.Context) (err error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run `make bench`")
	}
	if d.installed, err = installation.Render(ctx, filepath.Join(assets, "kubectl"),
		filepath.Join(d.root, "config", "default")); err != nil {
		return err
	}
	user, _ := d.installed.User()
	d.plane, err = controlplane.Start(context.WithoutCancel(ctx), controlplane.Options{
		CRDDirs: []string{filepath.Join(d.root, "config", "crd", "bases")}, Dir: d.path("controlplane"),
		Out: d.progress, AuditPolicy: auditPolicy(user),
	})
	if err != nil {
		return err
	}
	d.atEnd(d.plane.Stop)
	if d.client, err = client.New(d.plane.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	for _, o := range d.installed.Objects {
		if err := d.client.Create(ctx, o.DeepCopy()); client.IgnoreAlreadyExists(err) != nil {
			return err
		}
	}
	return nil
}

func (d *bed) startAppliance(ctx context.Context, configure func(*sps.Switches)) (err error) {
	if d.appliance, err = startAppliance(ctx, d.bench, configure); err == nil {
		d.faults = d.appliance.Faults()
	}
	return err
}

// connect creates the namespace of the objects and a connection to the appliance.
func (d *bed) connect(ctx context.Context, options []builder.Option) error {
	inNamespace := builder.InNamespace(namespace)
	connection := builder.SPSConnection(builder.DefaultSPSConnection, append([]builder.Option{
		inNamespace, builder.URL(d.appliance.url), builder.TrustedCA(caConfigMap),
	}, options...)...)
	return d.createEach(ctx, builder.Namespace(namespace),
		builder.SPSCredentialsSecret(account, d.appliance.password, inNamespace),
		configMap(caConfigMap, map[string]string{caKey: string(d.appliance.ca)}), connection)
}

// createEach creates objects one after the other.
func (d *bed) createEach(ctx context.Context, objects ...client.Object) error {
	for _, o := range objects {
		if err := d.client.Create(ctx, o); err != nil {
			return fmt.Errorf("create %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// mark begins a span.
func (d *bed) mark() (span, error) {
	t, err := d.tap()
	return span{tap: t, bed: d, before: d.appliance.Stats()}, err
}

// tap begins a span in which only calls and writes are counted.
func (d *bed) tap() (tap, error) {
	audit, err := markAudit(d.plane.AuditLog)
	return tap{faults: d.faults, audit: audit, calls: len(d.faults.Calls()), begun: time.Now()}, err
}

func newPassword() string { return rand.Text() }
