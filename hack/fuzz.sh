#!/usr/bin/env bash
# Runs every fuzz test for the given FUZZTIME, one after the other: go test -fuzz accepts only one at a time.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fuzztime=$1

while IFS= read -r file; do
  [[ -f $file ]] || continue # deleted, but still in the index
  while IFS= read -r line; do
    [[ $line =~ ^func\ (Fuzz[A-Za-z0-9_]*)\( ]] || continue
    echo "== ${BASH_REMATCH[1]} in $(dirname "$file")"
    go test -run '^$' -fuzz "^${BASH_REMATCH[1]}\$" -fuzztime "$fuzztime" "./$(dirname "$file")"
  done <"$file"
done < <(git ls-files --cached --others --exclude-standard '*_test.go')
