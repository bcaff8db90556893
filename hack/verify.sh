#!/usr/bin/env bash
# Runs the given command and fails, showing the diff, if it changes any file that git tracks or would track. Earlier
# changes count as the state to keep, so this works on a dirty tree, too. The two states are written as git trees to a
# temporary object store: neither the index nor the repository is touched.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! objects=$(git rev-parse --path-format=absolute --git-path objects 2>/dev/null); then
  echo 'verify compares two states with git, but this is not a git repository' >&2
  exit 2
fi
store=$(mktemp -d)
trap 'rm -rf "$store"' EXIT
mkdir "$store/objects"

in_store() { # GIT-COMMAND...
  GIT_INDEX_FILE=$store/index GIT_OBJECT_DIRECTORY=$store/objects GIT_ALTERNATE_OBJECT_DIRECTORIES=$objects git "$@"
}
snapshot() {
  rm -f "$store/index"
  in_store add --all . && in_store write-tree
}

before=$(snapshot)
"$@"
after=$(snapshot)
if ! in_store --no-pager diff --stat --patch --exit-code "$before" "$after"; then
  printf '\nverify: this command changed the files above; commit its result: %s\n' "$*" >&2
  exit 1
fi
