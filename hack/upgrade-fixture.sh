#!/usr/bin/env bash
# Keeps what test/upgrade upgrades from: the manifests and the samples of a release, and its commit. Arguments: the tag
# of the release (or another commit on main); kubectl.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ref=${1:?the tag of the release} kubectl=${2:-bin/k8s/kubectl}

commit=$(git rev-parse --verify "$ref^{commit}")
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
git archive "$commit" config | tar -x -C "$source"

out=test/upgrade/testdata/previous
mkdir -p "$out"
"$kubectl" kustomize "$source/config/default" -o "$out/install.yaml"
"$kubectl" kustomize "$source/config/samples" -o "$out/samples.yaml"
echo "$(git describe --tags --always "$commit") $commit" >"$out/commit"
echo "test/upgrade upgrades from $(cat "$out/commit")"
