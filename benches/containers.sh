# For the scripts beside this one, which read it: `use_tools TOOL…` ends the script well, saying so, where one is missing or the user is not
# root; after it `$work` is a private directory, removed at the end, and `buildah` keeps its images there.

arches=(amd64 arm64 ppc64le s390x)

use_tools() {
  local tool
  for tool in "$@"; do
    if ! command -v "$tool" >/dev/null; then
      echo "skipped: \`$tool\` is not installed; run \`.ci/install\` as root"
      exit 0
    fi
  done
  if [ "$(id -u)" != 0 ]; then
    echo "skipped: buildah unpacks images as root, which this is not"
    exit 0
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  export TMPDIR=$work XDG_RUNTIME_DIR=$work BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
}

buildah() { command buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
