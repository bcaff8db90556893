#!/usr/bin/env bash
# Builds all files of a release into dist/release, and the images as OCI layouts into dist/oci. It publishes and signs
# nothing, needs no network once the Go modules are downloaded, and gives the same SHA256SUMS on every machine with GNU
# tools. Argument: the version, vX.Y.Z. Environment: IMAGES, where the images will be published; PLATFORMS of the programs
# that users run themselves; KUBECTL and HELM, to save building them.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

version=${1:-}
images=${IMAGES:-ghcr.io/pam-operator}
read -ra platforms <<<"${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}"
# NAME=PACKAGE of the programs that users run themselves.
programs=(pam-simulator=./cmd/pam-simulator kubectl-pam=./cmd/kubectl-pam)

out=dist/release tools=dist/tools work=dist/work
export GOWORK=off CGO_ENABLED=0 LC_ALL=C

check() {
  if [[ ! $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    echo "usage: hack/release.sh vX.Y.Z[-PRERELEASE]" >&2
    exit 2
  fi
  if [[ -n $(git status --porcelain) ]]; then
    echo 'the working tree has uncommitted changes, so this release could not be built again: commit them first' >&2
    git status --short >&2
    exit 1
  fi
  revision=$(git rev-parse HEAD)
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
  export SOURCE_DATE_EPOCH
}

build_tools() {
  local build=(build -mod=readonly -buildvcs=false -trimpath)
  go -C hack/image "${build[@]}" -o "$PWD/$tools/" github.com/google/go-containerregistry/cmd/crane
  go -C hack/sbom "${build[@]}" -o "$PWD/$tools/" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
  kubectl=${KUBECTL:-$tools/kubectl}
  [[ -n ${KUBECTL:-} ]] || go -C hack/controlplane "${build[@]}" -o "$PWD/$kubectl" k8s.io/kubernetes/cmd/kubectl
  helm=${HELM:-$tools/helm}
  [[ -n ${HELM:-} ]] || go -C hack/helm "${build[@]}" -o "$PWD/$helm" helm.sh/helm/v4/cmd/helm
}

# image TARGET NAME: prints the digest. The binaries stay in the work folder, for their SBOMs.
image() {
  CRANE=$tools/crane VERSION=$version REVISION=$revision BINARIES=$work/binaries \
    hack/image/build.sh "$1" "$images/$2:$version" "dist/oci/$1"
  mv "dist/oci/$1.tar" "$out/$2-oci.tar"
}

# archive FOLDER NAME
archive() {
  hack/pack.sh "$1" | gzip -9n >"$out/$2.tar.gz"
}

# program NAME PACKAGE OS/ARCHITECTURE: an archive with the binary and the license, and what kubectl calls to complete the
# plugin's commands.
program() {
  local os=${3%/*} architecture=${3#*/} name folder binary
  name=$1_${os}_$architecture
  folder=$work/$name
  binary=$folder/$1$([[ $os != windows ]] || echo .exe)
  mkdir -p "$folder"
  GOOS=$os GOARCH=$architecture GOAMD64=v1 GOARM64=v8.0 \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$version" -o "$binary" "$2"
  cp "$binary" "$work/binaries/$name"
  cp LICENSE "$folder/LICENSE"
  if [[ $1 == kubectl-pam ]]; then
    cp hack/kubectl_complete-pam "$folder/"
  fi
  archive "$folder" "$name"
}

# krew: the manifest for `kubectl krew install --manifest-url`.
krew() {
  cat <<YAML
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata: {name: pam}
spec:
  version: $version
  homepage: https://github.com/pam-operator/pam-operator
  shortDescription: See and drive privileged access objects
  description: |
    Shows what pam-operator manages on One Identity SPS and Netwrix Privilege
    Secure, and who has to act; compares it with the appliance; requests,
    uses and ends privileged sessions; adopts what exists, and releases it.
  caveats: |
    The plugin needs pam-operator in the cluster: kubectl pam check
    To complete commands, put the output of this on your PATH, executable,
    as kubectl_complete-pam: kubectl pam completion kubectl
  platforms:
YAML
  local platform name sum
  for platform in "${platforms[@]}"; do
    name=kubectl-pam_${platform/\//_}.tar.gz
    sum=$(sha256sum "$out/$name")
    cat <<YAML
  - selector: {matchLabels: {os: ${platform%/*}, arch: ${platform#*/}}}
    uri: https://github.com/pam-operator/pam-operator/releases/download/$version/$name
    sha256: ${sum%% *}
    bin: kubectl-pam$([[ $platform != windows/* ]] || echo .exe)
YAML
  done
}

# sbom BINARY: what was linked into it, with licenses, which are read from the module cache. This module and the standard
# library are not in there. The long form of a package URL would name the architecture of the building machine.
sbom() {
  GOPROXY=off GOSUMDB=off GOFLAGS=-mod=mod "$tools/cyclonedx-gomod" bin -json -licenses -std -short-purls -noserial \
    -notimestamp -version "$version" -output "$out/${1##*/}.cdx.json" "$1" 2> >(grep -v -e pam-operator/pam-operator@ -e std@go >&2)
}

# manifests DIGEST: the image by digest, which a registry cannot replace.
manifests() {
  local file
  local -A configs=([install]=config/default [install-namespaced]=config/namespaced
    [install-namespaced-cluster]=config/namespaced/cluster [crds]=config/crd)
  for file in "${!configs[@]}"; do
    VERSION=$version hack/render.sh "$kubectl" "$images/pam-operator@$1" "$out/$file.yaml" "${configs[$file]}"
  done
  go run ./hack/schemas config/crd/bases "$work/schemas"
  archive "$work/schemas" schemas
}

check
rm -rf "$out" "$work" dist/oci
mkdir -p "$out" "$tools" "$work/binaries"
build_tools
digest=$(image manager pam-operator)
image simulator pam-simulator >/dev/null
image kubectl-pam kubectl-pam >/dev/null
for each in "${programs[@]}"; do
  for platform in "${platforms[@]}"; do
    program "${each%%=*}" "${each#*=}" "$platform"
  done
done
krew >"$out/pam.yaml"
for binary in "$work"/binaries/*; do
  sbom "$binary"
done
manifests "$digest"
HELM=$helm DIST=$out hack/package-chart.sh "$version" "$digest"
cp config/prometheus/alerts.yaml config/argocd/argocd-cm.yaml "$out"
cp config/grafana/pam-operator.json "$out/dashboard.json"
(cd "$out" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
rm -rf "$work"
echo "$version is in $out; its image is $images/pam-operator@$digest"
