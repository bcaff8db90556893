#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command until it ends, or until our owner closes the pipe on our standard input, or dies, which closes it. The
# line "kill" on that pipe kills it at once; "freeze" pauses it, as a hanging machine would, until "thaw".
# Arguments: the command and its arguments. The exit status is the command's.
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{
  while read -r order <&3; do
    case $order in
      kill) kill -KILL "$child" ;;
      freeze) kill -STOP "$child" ;;
      thaw) kill -CONT "$child" ;;
    esac
  done
  kill -TERM "$child"
  for ((tenth = 0; tenth < 150; tenth++)); do
    kill -0 "$child" || exit
    sleep 0.1
  done
  kill -KILL "$child"
} >/dev/null 2>&1 &
reader=$!
wait "$child"
status=$?
kill "$reader" 2>/dev/null
exit "$status"
