# SPDX-License-Identifier: Apache-2.0
#
# Ends the processes of one control plane when its owner closes the pipe on our standard input, or dies, which closes it.
# Arguments: the folder of the control plane; "remove" to remove the folder too, "keep" to keep it.
set -u
trap '' HUP INT TERM
dir=$1 afterwards=$2

# An ID may have been reused by now; every process of ours has a path below our folder among its arguments.
is_ours() { # PID
  local arguments
  if [[ -d /proc/self ]]; then
    arguments=$(tr '\0' ' ' <"/proc/$1/cmdline")
  else
    arguments=$(ps -o args= -p "$1")
  fi 2>/dev/null
  [[ $arguments == *"$dir/"* ]]
}

# Prints how many are left, including those that were just killed.
kill_all() {
  local file left=0
  for file in "$dir"/pids/*; do
    if [[ ${file##*/} != '*' ]] && is_ours "${file##*/}"; then
      kill -KILL "${file##*/}" 2>/dev/null
      left=$((left + 1))
    fi
  done
  return "$left"
}

while read -r _; do :; done

: >"$dir/stopping"
for ((attempt = 0; attempt < 200; attempt++)); do
  if kill_all; then
    [[ $afterwards == remove ]] || exit 0
    rm -rf -- "$dir" 2>/dev/null && exit 0
  fi
  sleep 0.05
done
exit 1
