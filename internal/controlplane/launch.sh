#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Executes the component named like this file. The process ID is recorded first, so that the watchdog knows every
# process: either this script sees the watchdog's mark and starts nothing, or the watchdog sees the ID.
dir=${0%/bin/*}
: >"$dir/pids/$$" || exit 1
[[ ! -e $dir/stopping ]] || exit 1
exec "$dir/assets/${0##*/}" "$@"
