# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the scripts of this folder: how they speak (one line a step, with the elapsed time) and fail.

readonly say_started=$SECONDS

say() {
  printf '[%4ds] %s\n' "$((SECONDS - say_started))" "$*"
}

die() {
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# quietly LOG COMMAND...: runs the command with its output in LOG, which is shown only when it fails.
quietly() {
  local log=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    die "failed: $*
The whole output is in $log"
  fi
}
