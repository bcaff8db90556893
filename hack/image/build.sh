#!/usr/bin/env bash
# Builds an image for amd64 and arm64, without a container engine, as an OCI layout and as a tar of it, and prints its
# digest. The same commit and the same Go release give the same bytes. crane assembles images only in a registry, so it
# serves one on this machine meanwhile. Arguments: which image; its NAME:TAG; the folder for the layout, beside which
# the tar gets the same name. Environment: VERSION and REVISION; CRANE; BINARIES, a folder to keep the programs in.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
umask 022
target=$1 ref=$2 layout=$3

case $target in
manager) programs=(manager) title=pam-operator description='Kubernetes operator for privileged access management appliances' ;;
simulator) programs=(pam-simulator) title=pam-simulator description='Simulated appliances for trying out and testing pam-operator' ;;
kubectl-pam) programs=(kubectl-pam) title=kubectl-pam description='The plugin kubectl pam for Jobs that request their own privileged sessions' ;;
test) programs=(manager pam-simulator kubectl-pam consumer) title=pam-operator-test description='What the tests of pam-operator need on a cluster' ;;
*) echo "no image $target: use manager, simulator, kubectl-pam or test" >&2 && exit 2 ;;
esac
declare -A packages=([manager]=./cmd [pam-simulator]=./cmd/pam-simulator [kubectl-pam]=./cmd/kubectl-pam [consumer]=./test/cluster/consumer)
if [[ ${ref##*/} != *:* || $ref == *@* ]]; then
  echo "the image $ref needs a tag, and no digest" >&2
  exit 2
fi
# Nodes complete names like this.
[[ $ref == */* ]] || ref=library/$ref
[[ ${ref%%/*} == *[.:]* || $ref == localhost/* ]] || ref=docker.io/$ref

mkdir -p "$(dirname "$layout")"
work=$(mktemp -d "$layout.XXXXXX")
crane() { # which tells its progress, as if it were an error
  "$CRANE" "$@" 2>"$work/crane" || { cat "$work/crane" >&2 && return 1; }
}
"$CRANE" registry serve --address 127.0.0.1:0 2>"$work/log" &
registry=$!
trap 'kill $registry; rm -rf "$work"' EXIT
until port=$(sed -n 's/.*serving on port //p' "$work/log") && [[ -n $port ]]; do
  kill -0 $registry
  sleep 0.1
done
image=127.0.0.1:$port/image

# What static programs expect of a root file system. It is a layer of its own, so an upgrade transfers only programs.
root=$work/root
mkdir -p "$root/etc/ssl/certs"
mkdir -m 1777 "$root/tmp"
echo 'nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
GOWORK=off go -C hack/image run . >"$root/etc/ssl/certs/ca-certificates.crt"
hack/pack.sh "$root" >"$work/root.tar"

created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}" +%Y-%m-%dT%H:%M:%SZ)
prefix=org.opencontainers.image source=https://github.com/pam-operator/pam-operator
labels=$prefix.title=$title,$prefix.description=$description,$prefix.source=$source,$prefix.documentation=$source/tree/main/docs
labels+=,$prefix.licenses=Apache-2.0,$prefix.version=$VERSION,$prefix.revision=$REVISION
for architecture in amd64 arm64; do
  folder=$work/$architecture
  mkdir "$folder"
  for program in "${programs[@]}"; do
    CGO_ENABLED=0 GOOS=linux GOARCH=$architecture GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT='' GOWORK=off \
      go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$VERSION -X main.revision=$REVISION" \
      -o "$folder/$program" "${packages[$program]}"
    [[ -z ${BINARIES:-} ]] || cp "$folder/$program" "$BINARIES/${program}_linux_$architecture"
  done
  hack/pack.sh "$folder" >"$folder.tar"
  crane append --oci-empty-base -f "$work/root.tar" -f "$folder.tar" -t "$image:$architecture" >/dev/null
  crane mutate "$image:$architecture" -t "$image:$architecture" --set-platform "linux/$architecture" --user 65532:65532 \
    --entrypoint "/${programs[0]}" -l "$labels" -a "$labels,$prefix.created=$created" >/dev/null
done
index=$(crane index append -m "$image:amd64" -m "$image:arm64" -t "$image:index")

crane pull --format oci --annotate-ref "$image:index" "$work/layout"
names="\"io.containerd.image.name\":\"$ref\",\"$prefix.ref.name\":\"${ref##*:}\""
sed -i "s|\"$prefix.ref.name\": *\"[^\"]*\"|$names|" "$work/layout/index.json"
chmod -R u=rwX,go=rX "$work/layout"
hack/pack.sh "$work/layout" >"$work/layout.tar"
rm -rf "$layout"
mv "$work/layout" "$layout"
mv "$work/layout.tar" "$layout.tar"
echo "${index#*@}"
