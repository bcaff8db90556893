#!/usr/bin/env bash
# Writes the manifests of config/default, or of the given folder, to one file, with the given image instead of
# "controller", its name in config/manager. Arguments: kubectl; the image as NAME:TAG or NAME@DIGEST; the file; the
# folder. Environment: VERSION, of the operator, which the CRDs get as a label, so that `kubectl pam` knows it.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kubectl=$1 image=$2 file=$3 config=${4:-config/default}

# The overlay is inside the repository, because kustomize accepts only relative paths.
mkdir -p dist
overlay=$(mktemp -d dist/overlay.XXXXXX)
trap 'rm -rf "$overlay"' EXIT

if [[ $image == *@* ]]; then
  name=${image%%@*} version="digest: ${image#*@}"
elif [[ ${image##*/} == *:* ]]; then # a colon before the last slash is a port
  name=${image%:*} version="newTag: \"${image##*:}\""
else
  echo "the image $image has neither a tag nor a digest: add one" >&2
  exit 2
fi
cat >"$overlay/kustomization.yaml" <<YAML
resources: [../../$config]
images:
- name: controller
  newName: $name
  $version
YAML
if [[ -n ${VERSION:-} ]]; then
  cat >>"$overlay/kustomization.yaml" <<YAML
patches:
- target: {kind: CustomResourceDefinition}
  patch: |-
    - {op: add, path: /metadata/labels, value: {app.kubernetes.io/version: "$VERSION"}}
YAML
fi
"$kubectl" kustomize "$overlay" -o "$overlay/all.yaml"
mkdir -p "$(dirname "$file")"
mv "$overlay/all.yaml" "$file"
