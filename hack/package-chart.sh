#!/usr/bin/env bash
# Packages the Helm chart into dist/, bit for bit the same for the same commit. Arguments: the version, such as v1.2.3,
# where anything else keeps the version of Chart.yaml; then, optionally, the digest of the image. HELM is the helm to
# use, DIST another folder than dist/.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^version: //p' charts/pam-operator/Chart.yaml) digest=${2:-}
if [[ ${1:-} =~ ^v([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?)$ ]]; then
  version=${BASH_REMATCH[1]}
fi
image=${digest:+@$digest}

dist=${DIST:-dist}
mkdir -p "$dist"
work=$(mktemp -d "$dist/chart.XXXXXX")
trap 'rm -rf "$work"' EXIT
chart=$work/pam-operator
cp -R charts/pam-operator "$chart"
sed -i "s|/pam-operator:v.*|/pam-operator${image:-:v$version}|" "$chart/Chart.yaml"
sed -i "s|digest: \"\"|digest: \"$digest\"|" "$chart/values.yaml"

# Helm keeps the times of the files.
find "$chart" -exec touch -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" {} +
"${HELM:?}" package "$chart" --destination "$dist" --version "$version" --app-version "$version"
"$HELM" lint --strict --quiet "$dist/pam-operator-$version.tgz"
