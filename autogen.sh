#!/bin/sh
# Makes ./configure. Only needed in a checkout; a release tarball holds it.
set -eu
cd "$(dirname "$0")"
mkdir -p m4 build-aux
exec autoreconf --install --force --warnings=all
