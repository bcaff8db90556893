#!/usr/bin/env bash
# Prints the alerts of config/prometheus/alerts.yaml as an object of the Prometheus operator, for kustomize.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cat <<'END'
# SPDX-License-Identifier: Apache-2.0
# Generated from alerts.yaml by make manifests; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: alerts
  namespace: system
  labels:
    app.kubernetes.io/name: pam-operator
    app.kubernetes.io/managed-by: kustomize
spec:
END
sed -n '/^groups:/,$ { s/^./  &/; p; }' config/prometheus/alerts.yaml
