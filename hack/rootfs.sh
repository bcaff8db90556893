#!/usr/bin/env bash
# Writes the root file system of an image into a folder, for whoever builds images without a container engine: static
# binaries, the user "nonroot", and the CA certificates of this machine (SSL_CERT_FILE names others). It is what the
# Dockerfile makes, but for the time zones. Arguments: the folder, which is replaced; the version; NAME=PACKAGE for each
# binary. GOARCH says for which machine.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1 version=$2
shift 2
umask 022

certificates=
for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  if [[ -n $file && -f $file ]]; then
    certificates=$file
    break
  fi
done
if [[ -z $certificates ]]; then
  echo 'no CA certificates on this machine: SSL_CERT_FILE says where others are' >&2
  exit 1
fi

mkdir -p "$(dirname "$folder")"
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"
mkdir -p "$new/etc/ssl/certs" "$new/home/nonroot" "$new/tmp"
chmod 1777 "$new/tmp"
install -m 644 "$certificates" "$new/etc/ssl/certs/ca-certificates.crt"
printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$new/etc/passwd"
printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' >"$new/etc/group"
for binary; do
  CGO_ENABLED=0 GOOS=linux go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$version" \
    -o "$new/${binary%%=*}" "${binary#*=}"
done
rm -rf "$folder"
mv "$new" "$folder"
