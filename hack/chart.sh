#!/usr/bin/env bash
# Copies what controller-gen wrote below config/ into the Helm chart, if there is one: the CRDs, and the manager's rules,
# which the chart turns into a ClusterRole or into Roles.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

chart=charts/pam-operator
[[ -d $chart ]] || exit 0
rm -rf "$chart/crds"
mkdir -p "$chart/crds" "$chart/files"
cp config/crd/bases/*.yaml "$chart/crds/"
cp config/rbac/role.yaml "$chart/files/role.yaml"
