#!/usr/bin/env bash
# Writes the manifests of config/default, or of the folder that is given, into one file, with the image given in place of
# "controller", which is its name in config/manager. Arguments: kubectl; the image as NAME:TAG or NAME@DIGEST; the file;
# the folder.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kubectl=$1 image=$2 file=$3 config=${4:-config/default}

# The overlay lies inside the repository, because kustomize takes relative paths only.
mkdir -p dist
overlay=$(mktemp -d dist/overlay.XXXXXX)
trap 'rm -rf "$overlay"' EXIT

if [[ $image == *@* ]]; then
  name=${image%%@*} version="digest: ${image#*@}"
elif [[ ${image##*/} == *:* ]]; then # a colon before the last slash is a port
  name=${image%:*} version="newTag: \"${image##*:}\""
else
  echo "the image $image has neither tag nor digest: say which one" >&2
  exit 2
fi
cat >"$overlay/kustomization.yaml" <<YAML
resources: [../../$config]
images:
- name: controller
  newName: $name
  $version
YAML
"$kubectl" kustomize "$overlay" -o "$overlay/all.yaml"
mkdir -p "$(dirname "$file")"
mv "$overlay/all.yaml" "$file"
