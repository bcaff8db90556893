#!/usr/bin/env bash
# Builds etcd, kube-apiserver, kube-controller-manager and kubectl into the folder given (default bin/k8s) from the Go
# module proxy. Nothing is downloaded ready-made; go.sum beside this file holds the checksums. Runs once: a stamp file
# records the versions, and a second run with the same versions only checks it.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(mkdir -p "${1:-$here/../../bin/k8s}" && cd "${1:-$here/../../bin/k8s}" && pwd)
export GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false'

# A stamp is the checksum of what decides the binaries, so a changed version builds again.
stamp=$(cat "$here/go.mod" "$here/go.sum" "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1)-$(go env GOVERSION GOARCH | tr '\n' '-')
if [[ -f $out/.stamp && $(<"$out/.stamp") == "$stamp" ]]; then
  exit 0
fi
rm -f "$out/.stamp"

cd "$here"
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$version"

step=0
build() { # NAME PACKAGE
  step=$((step + 1))
  printf '[%d/4] building %s (the first time takes some minutes)\n' "$step" "$1" >&2
  CGO_ENABLED=0 go build -trimpath -ldflags "$ldflags" -o "$out/$1" "$2"
}
began=$SECONDS
build etcd go.etcd.io/etcd/server/v3
build kubectl k8s.io/kubernetes/cmd/kubectl
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
printf '%s' "$stamp" >"$out/.stamp"
printf 'control plane %s ready in %d s: %s\n' "$version" $((SECONDS - began)) "$out" >&2
