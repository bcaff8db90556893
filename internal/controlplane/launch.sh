#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Executes the component named like this file. The process ID is recorded first, so that the watchdog knows every
# process: either this script sees the watchdog's mark and starts nothing, or the watchdog sees the ID.
dir=${0%/bin/*}
: >"$dir/pids/$$" || exit 1
[[ ! -e $dir/stopping ]] || exit 1
# They share the processors with what is tested, and memory is cheaper: collecting garbage less often saves a fifth of
# the API server's time.
export GOGC=${GOGC:-400} GOMEMLIMIT=${GOMEMLIMIT:-1GiB}
exec "$dir/assets/${0##*/}" "$@"
