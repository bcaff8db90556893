#!/usr/bin/env bash
# Copies what has its source below config/ into the Helm chart: the CRDs and the manager's rules, which controller-gen
# wrote, the other roles, the policies, alerts and dashboards, and the defaults of the values. Then it writes the table
# of values into the chart's README.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shopt -s nullglob

files=charts/pam-operator/files
copy() { # FOLDER FILE...
  local to=$files/$1
  shift
  [[ $# == 0 ]] || { mkdir -p "$to" && cp "$@" "$to/"; }
}
rm -rf "$files"
copy crds config/crd/bases/*.yaml
copy rbac config/rbac/{role,leader_election_role,metrics_auth_role,metrics_reader_role}.yaml
copy rbac/users config/rbac/*_{editor,viewer,user,exporter}_role.yaml
copy admission config/admission/*_*.yaml
copy . config/prometheus/alerts.yaml
copy dashboards config/grafana/*.json
copy . charts/pam-operator/values.yaml # which templates cannot read where Helm does

"${HELM_DOCS:?}" --chart-search-root=charts/pam-operator --sort-values-order=file --log-level=warning
if grep -n '| *|$' charts/pam-operator/README.md; then
  echo 'these values have no description in values.yaml: a comment that starts with "# --"' >&2
  exit 1
fi
