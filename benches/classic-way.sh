#!/usr/bin/env bash
# One request on an SQLite index as the classic service does it, with containers' tools and opm: the database is taken out of the
# image, changed, and built into an image for each architecture; each is pushed, then the list.
#
# usage: benches/classic-way.sh add    INDEX BINARY-IMAGE TARGET BUNDLE  [IIB]
#        benches/classic-way.sh rm     INDEX BINARY-IMAGE TARGET PACKAGE [IIB]
#        benches/classic-way.sh merge  INDEX BINARY-IMAGE TARGET OTHER-INDEX [IIB]   (adds the bundles of OTHER-INDEX that INDEX lacks)
#
# The registry is spoken to over plain HTTP. Needs buildah, skopeo and sqlite3, as root; says so and ends well without. Databases are
# changed by `opm` where it is on the PATH, else by IIB. `cargo xtask bench classic` runs it beside iib.
set -euo pipefail

operation=${1:?add, rm or merge} index=${2:?the index image} binary=${3:?the binary image} target=${4:?where to publish}
what=${5:?a bundle, a package or another index} iib=${6:-target/release/iib}

. "$(dirname "$0")/containers.sh"
use_tools buildah skopeo sqlite3

# The database of an index image, as a file.
database() {
  local container root
  container=$(buildah from --quiet --tls-verify=false --arch amd64 "docker://$1")
  root=$(buildah mount "$container")
  cp "$root/database/index.db" "$2"
  buildah rm "$container" >/dev/null
}

add() {
  if command -v opm >/dev/null; then
    (cd "$work" && opm registry add --use-http -d "$1" -b "$2" --mode replaces --container-tool none)
  else
    "$iib" catalog add --db "$1" --bundles "$2"
  fi
}

remove() {
  if command -v opm >/dev/null; then
    (cd "$work" && opm registry rm -d "$1" -o "$2")
  else
    "$iib" catalog rm --db "$1" --packages "$2"
  fi
}

database "$index" "$work/index.db"
case $operation in
  add) add "$work/index.db" "$what" >"$work/log" ;;
  rm) remove "$work/index.db" "$what" >"$work/log" ;;
  merge)
    database "$what" "$work/other.db"
    missing=$(sqlite3 "$work/other.db" "ATTACH '$work/index.db' AS ours; SELECT bundlepath FROM operatorbundle WHERE name NOT IN (SELECT name FROM ours.operatorbundle)")
    for bundle in $missing; do
      add "$work/index.db" "$bundle" >>"$work/log"
    done
    ;;
  *)
    echo "error: \`$operation\` is none of add, rm and merge" >&2
    exit 1
    ;;
esac

buildah manifest create list >>"$work/log"
for arch in "${arches[@]}"; do
  container=$(buildah from --quiet --tls-verify=false --arch "$arch" --pull-always "docker://$binary")
  buildah copy --quiet "$container" "$work/index.db" /database/index.db >>"$work/log"
  buildah config \
    --label operators.operatorframework.io.index.database.v1=/database/index.db \
    --entrypoint '["/bin/opm"]' --cmd 'registry serve --database /database/index.db' --port 50051/tcp "$container"
  buildah commit --quiet --rm --format docker "$container" "built-$arch" >>"$work/log"
  buildah push --quiet --tls-verify=false --format v2s2 "built-$arch" "docker://$target-$arch"
  buildah manifest add --tls-verify=false list "docker://$target-$arch" >>"$work/log"
done
buildah manifest push --quiet --tls-verify=false --format v2s2 --all list "docker://$target" >>"$work/log"
echo "done"
