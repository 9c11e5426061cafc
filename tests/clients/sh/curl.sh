#!/usr/bin/env bash
# Uploads as somebody does them who has nothing but curl: curl.sh CASE ENDPOINT FILE
# Each case prints the URL of what it uploaded, or fails.
set -euo pipefail

case=$1 endpoint=$2 file=$3
length=$(wc -c <"$file")
work=$(mktemp -d "$file.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() { echo "$*" >&2; exit 1; }

tus() { curl --silent --show-error --noproxy '*' --max-time 60 -H 'Tus-Resumable: 1.0.0' "$@"; }
body='Content-Type: application/offset+octet-stream'
named="Upload-Metadata: filename $(printf '%s' "$case.bin" | base64)"

# header NAME <HEAD: the value of a header.
header() { tr -d '\r' | sed -n "s/^$1: //Ip"; }
# create HEADER...: makes an upload and prints its URL.
create() {
  local headers=() location
  for given in "$@"; do headers+=(-H "$given"); done
  location=$(tus -X POST "${headers[@]}" -o "$work/body" -D - "$endpoint" | header Location)
  [ -n "$location" ] || fail "no Location: $(cat "$work/body")"
  absolute "$location"
}
# absolute LOCATION: curl follows a Location only where it sees it itself.
absolute() { case $1 in /*) echo "${endpoint%/files/}$1" ;; *) echo "$1" ;; esac; }
offset() { tus --head "$1" | header Upload-Offset; }
# patch URL OFFSET ARGUMENT...: sends bytes and prints the status.
patch() {
  local url=$1 at=$2
  shift 2
  tus -X PATCH -H "$body" -H "Upload-Offset: $at" -o "$work/body" -w '%{http_code}' "$@" "$url"
}
expect() { [ "$1" = "$2" ] || fail "$3: $1 instead of $2: $(cat "$work/body" 2>/dev/null)"; }
# digest <BYTES: as Upload-Checksum wants it.
digest() { printf "$(sha256sum | cut -c 1-64 | sed 's/../\\x&/g')" | base64; }

case $case in
whole)
  url=$(create "$named" "Upload-Length: $length")
  expect "$(patch "$url" 0 -T "$file")" 204 'PATCH'
  ;;
creation-with-data)
  location=$(tus -X POST -H "$named" -H "Upload-Length: $length" -H "$body" --data-binary "@$file" -D - \
    -o "$work/body" "$endpoint" | tee "$work/head" | header Location)
  expect "$(header Upload-Offset <"$work/head")" "$length" 'offset of the creation'
  url=$(absolute "$location")
  ;;
too-large)
  # Refused before the body: that is what Expect is for.
  told=$(tus -X POST -H "$named" -H "Upload-Length: $length" -H "$body" -H 'Expect: 100-continue' \
    --expect100-timeout 50 --data-binary "@$file" -o "$work/body" -w '%{http_code} %{size_upload}' "$endpoint")
  expect "$told" '413 0' 'status and bytes sent'
  url=none
  ;;
killed-and-resumed)
  # curl gives up in the middle; its line is slow so that there is a middle.
  url=$(create "$named" "Upload-Length: $length")
  status=0
  patch "$url" 0 --limit-rate 1M --max-time 1 -T "$file" >/dev/null 2>&1 || status=$?
  expect "$status" 28 'exit of the cut curl'
  at=$(offset "$url")
  [ "$at" -gt 0 ] && [ "$at" -lt "$length" ] || fail "nothing to resume at $at"
  # From a pipe curl sends chunks, since it can't know the length.
  expect "$(tail -c "+$((at + 1))" "$file" | patch "$url" "$at" -T -)" 204 'PATCH of the rest'
  ;;
bad-network | bad-network-http2)
  version=()
  [ "$case" = bad-network ] || version=(--http2-prior-knowledge)
  url=$(create "$named" "Upload-Length: $length")
  at=0 rounds=0
  while [ "$at" -lt "$length" ]; do
    # -C makes curl send Content-Range, which is none of tus's business.
    patch "$url" "$at" "${version[@]}" -C "$at" -T "$file" >/dev/null 2>&1 || true
    before=$at at=$(offset "$url") rounds=$((rounds + 1))
    [ "$at" -gt "$before" ] || fail "round $rounds brought nothing at $at"
  done
  [ "$rounds" -gt 1 ] || fail 'nothing was cut'
  ;;
checksum)
  url=$(create "$named" "Upload-Length: $length")
  half=$((length / 2))
  head -c "$half" "$file" >"$work/first"
  tail -c "+$((half + 1))" "$file" >"$work/second"
  right="Upload-Checksum: sha256 $(digest <"$work/first")"
  expect "$(patch "$url" 0 -H "$right" --data-binary "@$work/first")" 204 'right checksum'
  # Of the other half: it must be refused, and nothing of it kept.
  expect "$(patch "$url" "$half" -H "$right" --data-binary "@$work/second")" 460 'wrong checksum'
  expect "$(offset "$url")" "$half" 'offset after the wrong checksum'
  expect "$(patch "$url" "$half" -H 'Upload-Checksum: crc1 AAAA' --data-binary "@$work/second")" 400 'unknown'
  right="Upload-Checksum: sha256 $(digest <"$work/second")"
  expect "$(patch "$url" "$half" -H "$right" --data-binary "@$work/second")" 204 'right checksum'
  ;;
parallel-parts)
  split --number=4 --numeric-suffixes "$file" "$work/part"
  urls=() transfers=()
  for part in "$work"/part*; do
    url=$(create 'Upload-Concat: partial' "Upload-Length: $(wc -c <"$part")")
    urls+=("$url")
    tus --fail -X PATCH -H "$body" -H 'Upload-Offset: 0' -T "$part" "$url" &
    transfers+=("$!")
  done
  for transfer in "${transfers[@]}"; do wait "$transfer" || fail "the transfer of a part failed: $?"; done
  url=$(create "$named" "Upload-Concat: final;${urls[*]}")
  expect "$(offset "$url")" "$length" 'offset of the final upload'
  ;;
chunked-of-unknown-length)
  url=$(create "$named" 'Upload-Defer-Length: 1')
  expect "$(cat "$file" | patch "$url" 0 -T -)" 204 'PATCH'
  expect "$(patch "$url" "$length" -H "Upload-Length: $length" --data-binary '')" 204 'PATCH of the length'
  ;;
http2)
  url=$(create "$named" "Upload-Length: $length")
  told=$(patch "$url" 0 --http2-prior-knowledge -T "$file" -w '%{http_version} %{http_code}')
  expect "$told" '2 204' 'version and status'
  ;;
*) fail "there is no case $case" ;;
esac

if [ "$url" != none ]; then
  expect "$(offset "$url")" "$length" 'offset at the end'
  # What was sent up comes down again.
  tus --fail -o "$work/back" "$url"
  cmp "$file" "$work/back"
fi
echo "$url"
