#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The units of deploy/systemd: systemd understands each line, and the sandbox leaves little open.
set -euo pipefail

units=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../deploy/systemd")
if ! command -v systemd-analyze >/dev/null; then
  echo "skipped: this machine has no systemd-analyze"
  exit 77
fi

status=0
for unit in "$units"/*.service; do
  # That the program is not installed here is no fault of the unit.
  faults=$({ systemd-analyze verify "$unit" 2>&1 || true; } | grep "$(basename "$unit")" | grep -v "is not executable" || true)
  if [[ -n $faults ]]; then
    printf 'FAILED: %s\n' "$faults"
    status=1
  fi
  # In tenths: a unit without a sandbox has 96.
  if ! systemd-analyze security --offline=yes --threshold=20 "$unit" >/dev/null 2>&1; then
    echo "FAILED: $unit: systemd-analyze security finds more open than 2.0 of 10"
    status=1
  fi
done
exit "$status"
