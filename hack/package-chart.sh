#!/usr/bin/env bash
# Packages the Helm chart into dist/, bit for bit the same for the same commit. Arguments: the version, such as v1.2.3,
# where anything else keeps the version of Chart.yaml; then, optionally, the digest of the image. HELM is the helm to
# use, DIST another folder than dist/.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^version: //p' charts/pam-operator/Chart.yaml)
image=v$version digest=${2:-}
if [[ ${1:-} =~ ^v([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?)$ ]]; then
  version=${BASH_REMATCH[1]}
fi

dist=${DIST:-dist}
mkdir -p "$dist"
work=$(mktemp -d "$dist/chart.XXXXXX")
trap 'rm -rf "$work"' EXIT
chart=$work/pam-operator
cp -R charts/pam-operator "$chart"

# replace FILE OLD NEW: a text that is not there is an error.
replace() {
  local content
  content=$(<"$chart/$1")
  if [[ $content != *"$2"* ]]; then
    echo "$1 does not have: $2" >&2
    exit 1
  fi
  printf '%s\n' "${content/"$2"/"$3"}" >"$chart/$1"
}
if [[ -n $digest ]]; then
  replace values.yaml 'digest: ""' "digest: $digest"
  replace Chart.yaml "pam-operator:$image" "pam-operator@$digest"
else
  replace Chart.yaml "pam-operator:$image" "pam-operator:v$version"
fi

# Helm keeps the times of the files.
find "$chart" -exec touch -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" {} +
"${HELM:?}" package "$chart" --destination "$dist" --version "$version" --app-version "$version"
"$HELM" lint --strict --quiet "$dist/pam-operator-$version.tgz"
