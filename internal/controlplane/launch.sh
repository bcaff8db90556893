#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Becomes the component whose name this file carries. Its process id is written down first, so that the watchdog knows
# every process there is: either the watchdog's mark is seen here and nothing starts, or the watchdog sees the id.
dir=${0%/bin/*}
: >"$dir/pids/$$" || exit 1
[[ ! -e $dir/stopping ]] || exit 1
exec "$dir/assets/${0##*/}" "$@"
