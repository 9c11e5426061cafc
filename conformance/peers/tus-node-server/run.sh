#!/usr/bin/env bash
# Runs the suite against npm's @tus/server. Further arguments go to the suite, such as --filter C8.
# Usage: conformance/peers/tus-node-server/run.sh [ARGUMENT...]
# Writes the reports to $REPORTS (default: target/conformance/tus-node-server) and ends with the suite's exit code.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
reports=${REPORTS:-$root/target/conformance/tus-node-server}
# Seconds that an unfinished upload lives there: long enough for every case, short enough to be waited for.
lifetime=${LIFETIME:-30}

npm --prefix "$here" ci --silent
cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p resumed-conformance
suite=${CARGO_TARGET_DIR:-$root/target}/release/resumed-conformance

data=$(mktemp -d)
mkdir -p "$reports"
coproc PEER { exec node "$here/server.mjs" "$data" "$lifetime" 2>"$reports/server.log"; }
peer=$PEER_PID
trap 'kill "$peer" 2>/dev/null || true; rm -rf "$data"' EXIT

if ! read -r -t 30 url <&"${PEER[0]}"; then
    echo "the peer did not start, see $reports/server.log" >&2
    exit 2
fi

code=0
"$suite" --url "$url" --expire-wait $((lifetime + 15)) --format json --output "$reports/report.json" "$@" || code=$?
[ -s "$reports/report.json" ] && node "$here/summary.mjs" "$reports/report.json"
exit "$code"
