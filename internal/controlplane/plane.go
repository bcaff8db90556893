// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// unusedAddress is from a block that is never routed (RFC 5737). kube-apiserver publishes its own address for Pods. By
// default it looks for a default route, which a machine without a network lacks, and it cannot publish a loopback
// address. Nothing ever connects to this one.
const unusedAddress = "192.0.2.1"

// startPlane starts etcd and kube-apiserver and creates the first user.
func (cp *ControlPlane) startPlane(context.Context) error {
	etcdLog, err := createLog(cp.dir, etcdName)
	if err != nil {
		return err
	}
	defer etcdLog.Close()
	apiServerLog, err := createLog(cp.dir, apiServerName)
	if err != nil {
		return err
	}
	defer apiServerLog.Close()

	cp.plane = newPlane(cp.dir, etcdLog, apiServerLog)
	if err := cp.audit(); err != nil {
		return err
	}
	for flag, value := range cp.opts.APIServer {
		cp.plane.APIServer.Configure().Set(flag, value)
	}
	if err := cp.plane.Start(); err != nil {
		return cp.explain(err)
	}
	config, kubeconfig, err := cp.AddUser(Admin, "system:masters")
	if err != nil {
		return err
	}
	cp.Config = config
	return os.WriteFile(cp.KubeconfigFile, kubeconfig, 0o600)
}

// audit makes kube-apiserver write the audit log for Options.AuditPolicy.
func (cp *ControlPlane) audit() error {
	if cp.opts.AuditPolicy == "" {
		return nil
	}
	policy := filepath.Join(cp.dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(cp.opts.AuditPolicy), 0o600); err != nil {
		return err
	}
	cp.AuditLog = filepath.Join(cp.dir, "logs", "audit.log")
	cp.plane.APIServer.Configure().
		Set("audit-policy-file", policy).
		Set("audit-log-path", cp.AuditLog)
	return nil
}

// newPlane configures what envtest starts; envtest itself makes etcd skip fsync.
func newPlane(dir string, etcdLog, apiServerLog *os.File) *envtest.ControlPlane {
	plane := &envtest.ControlPlane{
		Etcd: &envtest.Etcd{
			Path:         filepath.Join(dir, "bin", etcdName),
			DataDir:      filepath.Join(dir, "etcd"),
			StartTimeout: startTimeout,
			Out:          etcdLog,
			Err:          etcdLog,
		},
		APIServer: &envtest.APIServer{
			Path:         filepath.Join(dir, "bin", apiServerName),
			CertDir:      filepath.Join(dir, "certs"),
			StartTimeout: startTimeout,
			Out:          apiServerLog,
			Err:          apiServerLog,
		},
	}
	plane.APIServer.Configure().
		Set("authorization-mode", "RBAC").
		Set("advertise-address", unusedAddress)
	return plane
}

// explain adds the end of the log of the process that was started last: envtest only reports that it did not become
// ready.
func (cp *ControlPlane) explain(err error) error {
	for _, name := range []string{apiServerName, etcdName} {
		if tail := logTail(cp.dir, name); tail != "" {
			return fmt.Errorf("%w; the end of the log of %s:\n%s", err, name, tail)
		}
	}
	return err
}
