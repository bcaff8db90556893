#!/usr/bin/env bash
# Writes the krew manifest of a release: .krew.yaml with the version, and with the checksums of the archives in a folder.
# Arguments: the version; the folder.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
version=$1 archives=$2

sum() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

while IFS= read -r line; do
  line=${line//'{{ .TagName }}'/$version}
  if [[ $line =~ ^(\ *)\{\{addURIAndSha\ \"([^\"]+)\"\ \.TagName\ \}\}$ ]]; then
    indent=${BASH_REMATCH[1]} uri=${BASH_REMATCH[2]}
    printf '%suri: %s\n%ssha256: %s\n' "$indent" "$uri" "$indent" "$(sum "$archives/${uri##*/}")"
  elif [[ $line != '#'* ]]; then
    printf '%s\n' "$line"
  fi
done <"$(dirname "${BASH_SOURCE[0]}")/../.krew.yaml"
