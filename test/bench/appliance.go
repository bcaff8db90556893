// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// appliance is a simulated SPS appliance behind TLS, in this process.
type appliance struct {
	*sps.Appliance
	url, password string
	ca            []byte // PEM
	pool          *x509.CertPool
}

// startAppliance starts one that ends with the scenario.
func startAppliance(ctx context.Context, b *bench, configure func(*sps.Switches)) (*appliance, error) {
	a := &appliance{password: newPassword()}
	a.Appliance = sps.New(sps.Options{Users: map[string]string{account: a.password}, Configure: configure})
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	running, err := simulator.Serve(serving, simulator.Config{
		Listeners: []simulator.Listener{{Name: "sps", Handler: a.Handler()}},
	})
	if err != nil {
		stop()
		return nil, err
	}
	b.atEnd(func() error { stop(); return running.Wait() })
	a.url, a.ca, a.pool = running.URL("sps"), running.CA().CertificatePEM(), running.CA().Pool()
	return a, nil
}

// asConfigured gives an appliance the delays from the flags.
func (b *bench) asConfigured(s *sps.Switches) {
	s.WriteDelay, s.CommitDelay = b.writeDelay, b.commitDelay
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Data: data}
}
