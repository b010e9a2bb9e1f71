#!/usr/bin/env bash
# The change of `cargo xtask bench image` as it is done with containers' tools: for each architecture the binary image, with the
# catalog and its serve cache copied into it, is committed and pushed; then the list. Prints what it took:
#
#   seconds S    from the first step to the last
#   bytes B      of blobs that the binary image does not have, per architecture's image
#
# usage: benches/plain-way.sh BINARY-IMAGE CATALOG-DIRECTORY TARGET [IIB]
#
# The registry is spoken to over plain HTTP. Needs buildah, skopeo and jq, as root; says so and ends well without. The cache is made
# by `opm` where it is on the PATH, else by IIB.
set -euo pipefail

binary=${1:?the binary image} configs=${2:?the directory with the catalog} target=${3:?where to publish}
iib=${4:-target/release/iib}

. "$(dirname "$0")/containers.sh"
use_tools buildah skopeo jq

started=$(date +%s.%N)

if command -v opm >/dev/null; then
  echo "cache by opm"
  opm serve "$configs" --cache-dir="$work/cache" --cache-only >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
else
  echo "cache by iib, for there is no opm"
  "$iib" catalog cache "$configs" --cache-dir "$work/cache" >"$work/log"
fi

buildah manifest create list >>"$work/log"
for arch in "${arches[@]}"; do
  container=$(buildah from --quiet --tls-verify=false --arch "$arch" --pull-always "docker://$binary")
  buildah copy --quiet "$container" "$configs" /configs >>"$work/log"
  buildah copy --quiet --chown 1001:0 "$container" "$work/cache" /tmp/cache >>"$work/log"
  buildah config \
    --label operators.operatorframework.io.index.configs.v1=/configs \
    --entrypoint '["/bin/opm"]' --cmd 'serve /configs --cache-dir=/tmp/cache' --port 50051/tcp "$container"
  buildah commit --quiet --rm --format docker "$container" "built-$arch" >>"$work/log"
  buildah push --quiet --tls-verify=false --format v2s2 "built-$arch" "docker://$target-$arch"
  buildah manifest add --tls-verify=false list "docker://$target-$arch" >>"$work/log"
done
buildah manifest push --quiet --tls-verify=false --format v2s2 --all list "docker://$target" >>"$work/log"

ended=$(date +%s.%N)

# Counted after the clock is stopped.
blobs() {
  skopeo inspect --tls-verify=false --raw --override-arch "$2" "docker://$1" >"$work/manifest"
  if jq -e .manifests "$work/manifest" >/dev/null; then
    local digest
    digest=$(jq -r --arg arch "$2" '.manifests[] | select(.platform.architecture == $arch) | .digest' "$work/manifest")
    skopeo inspect --tls-verify=false --raw "docker://${1%:*}@$digest" >"$work/manifest"
  fi
  jq -r '(.layers + [.config])[] | "\(.digest) \(.size)"' "$work/manifest" | sort -u
}
bytes=0
for arch in "${arches[@]}"; do
  blobs "$binary" "$arch" >"$work/before"
  blobs "$target-$arch" "$arch" >"$work/after"
  new=$(comm -13 "$work/before" "$work/after" | awk '{ sum += $2 } END { printf "%d", sum }')
  bytes=$((bytes + new))
done
echo "seconds $(awk -v a="$started" -v b="$ended" 'BEGIN { printf "%.2f", b - a }')"
echo "bytes $bytes"
