#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deploy/install-dependencies against a pretended package manager: it installs what is missing and
# nothing else, says so, and shows what apt-get said when it fails.
set -euo pipefail

script=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../deploy/install-dependencies")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
export PATH=$folder/bin:$PATH FAKE=$folder TMPDIR=$folder

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  cat "$folder/output" >&2
  exit 1
}

fake() {
  { printf '#!/usr/bin/env bash\n'; cat; } >"$folder/bin/$1"
  chmod +x "$folder/bin/$1"
}

fake dpkg-query <<'END'
sed 's/^/ii  /' "$FAKE/installed"
END
fake apt-get <<'END'
printf '%s\n' "$*" >>"$FAKE/calls"
if [[ -e $FAKE/broken && $1 == install ]]; then
  echo "E: Unable to locate package of this test" >&2
  exit 100
fi
for word in "$@"; do
  case $word in update | install | -*) ;; *) printf '%s\n' "$word" >>"$FAKE/installed" ;; esac
done
END
fake sudo <<'END'
exec "$@"
END
fake update-alternatives <<'END'
true
END

all=$("$script" --list)
some=$(head -n 3 <<<"$all")

start() {
  printf '%s\n' "$some" >"$folder/installed"
  rm -f "$folder/calls" "$folder/broken"
}

start
"$script" >"$folder/output" 2>&1 || fail "installing what is missing ended with an error"
[[ $(sort "$folder/installed") == $(sort <<<"$all") ]] || fail "not all was installed, or something twice"
[[ $(grep -c . "$folder/calls") == 2 ]] || fail "apt-get was called more than twice"
grep -q libtorch-dev "$folder/output" || fail "it does not say what it installs"

"$script" >"$folder/output" 2>&1 || fail "with all installed it ended with an error"
[[ $(grep -c . "$folder/calls") == 2 ]] || fail "apt-get was called with all installed"

start
touch "$folder/broken"
if "$script" >"$folder/output" 2>&1; then fail "apt-get failed and nobody was told"; fi
grep -q "Unable to locate package of this test" "$folder/output" || fail "what apt-get said is not shown"
grep -q "The whole output is in $folder" "$folder/output" || fail "it does not say where the output is"
