#!/usr/bin/env bash
# Prints a folder as a tar that is the same on every machine with GNU tar. Argument: the folder.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
tar -C "$1" --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c .
