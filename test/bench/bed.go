// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	namespace   = "bench" // of the connections, and of one team
	caConfigMap = "ca"
	account     = "pam-operator"
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

// bed is the environment of a scenario: a control plane, servers behind one CA, and a manager.
type bed struct {
	*bench
	dir       string
	plane     *controlplane.ControlPlane
	client    client.Client
	installed installation.Installation
	host      *simulator.Running
	seen      *tracker
	manager   *manager
}

// newBed starts everything but the manager, and prepares the namespace of the connections.
func (b *bench) newBed(ctx context.Context, servers ...simulator.Listener) (*bed, error) {
	d := &bed{bench: b, seen: newTracker()}
	return d, inOrder(ctx,
		d.makeFolder,
		func(ctx context.Context) error { return d.serve(ctx, servers) },
		d.startControlPlane,
		d.install,
		d.watch,
		func(ctx context.Context) error { return d.addSpace(ctx, namespace) },
	)
}

func (d *bed) makeFolder(context.Context) (err error) {
	if d.keep != "" {
		err = os.MkdirAll(d.keep, 0o750)
	}
	if err == nil {
		d.dir, err = os.MkdirTemp(d.keep, "pam-bench-"+d.name+"-")
	}
	d.atEnd(func() error {
		if d.keep != "" {
			return nil
		}
		return os.RemoveAll(d.dir)
	})
	return err
}

func (d *bed) path(name string) string { return filepath.Join(d.dir, name) }

func (d *bed) serve(ctx context.Context, servers []simulator.Listener) (err error) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	if d.host, err = simulator.Serve(serving, simulator.Config{Listeners: servers}); err != nil {
		stop()
		return err
	}
	d.atEnd(func() error { stop(); return d.host.Wait() })
	return nil
}

func (d *bed) startControlPlane(ctx context.Context) (err error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run `make bench`")
	}
	d.installed, err = installation.Render(ctx, filepath.Join(assets, "kubectl"), filepath.Join(d.root, "config/default"))
	if err != nil {
		return err
	}
	user, _ := d.installed.User()
	d.plane, err = controlplane.Start(context.WithoutCancel(ctx), controlplane.Options{
		CRDDirs: []string{filepath.Join(d.root, "config/crd/bases")}, Dir: d.path("controlplane"),
		AuditPolicy: auditPolicy(user),
	})
	if err != nil {
		return err
	}
	d.atEnd(d.plane.Stop)
	d.client, err = client.New(d.plane.Config, client.Options{Scheme: scheme})
	return err
}

func (d *bed) install(ctx context.Context) error {
	for _, o := range d.installed.Objects {
		if err := d.client.Create(ctx, o.DeepCopy()); client.IgnoreAlreadyExists(err) != nil {
			return err
		}
	}
	return nil
}

// addSpace creates a namespace with what a connection refers to.
func (d *bed) addSpace(ctx context.Context, name string) error {
	in, pair := builder.InNamespace(name), d.host.Client()
	return d.create(ctx, builder.Namespace(name),
		builder.SPSCredentialsSecret(account, d.password, in),
		builder.Secret(builder.NPSClientCertificate, map[string]string{
			corev1.TLSCertKey: string(pair.CertificatePEM), corev1.TLSPrivateKeyKey: string(pair.PrivateKeyPEM),
		}, in, builder.Type(corev1.SecretTypeTLS), builder.ReadBy("NPSConnection")),
		builder.Secret(builder.NPSCredentials, map[string]string{
			"login": nps.DefaultApplication, "apiKey": nps.DefaultAPIKey,
		}, in),
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: caConfigMap, Namespace: name},
			Data:       map[string]string{"ca.crt": string(d.host.CA().CertificatePEM())},
		})
}

// create creates objects one after the other.
func (d *bed) create(ctx context.Context, objects ...client.Object) error {
	for _, o := range objects {
		if err := d.client.Create(ctx, o); err != nil {
			return fmt.Errorf("create %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// toAppliance is a connection to the listener of its name.
func (d *bed) toAppliance(name string, options ...builder.Option) *pamv1alpha1.SPSConnection {
	return builder.SPSConnection(name, append([]builder.Option{
		builder.InNamespace(namespace), builder.URL(d.host.URL(name)), builder.TrustedCA(caConfigMap),
	}, options...)...)
}

func (d *bed) toServer(name string, options ...builder.Option) *pamv1alpha1.NPSConnection {
	return builder.NPSConnection(name, append([]builder.Option{
		builder.InNamespace(namespace), builder.URL(d.host.URL(name)), builder.TrustedCA(caConfigMap),
	}, options...)...)
}

// slow gives an appliance its delays, quick none.
func slow(s *sps.Switches)  { s.WriteDelay, s.CommitDelay = writeDelay, commitDelay }
func quick(s *sps.Switches) { s.WriteDelay, s.CommitDelay = 0, 0 }

// appliance is a simulated appliance, for a listener of newBed.
func (b *bench) appliance(configure func(*sps.Switches)) *sps.Appliance {
	return sps.New(sps.Options{Users: map[string]string{account: b.password}, Configure: configure})
}
