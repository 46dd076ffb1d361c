#!/bin/sh
# slim.sh LOCK FOLDER: install what the lock names into the folder, and leave there what runs.
set -eu
mkdir -p "$2"
if [ -s "$1" ]; then python -m pip install -q --no-deps --no-compile --target "$2" -r "$1"; fi
cd "$2"
rm -rf bin cel_expr_python/ext PIL/_avif.* pillow.libs/libavif-*
find . -type d \( -name tests -o -name testing \) -prune -exec rm -r {} +
find . -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' \) -delete
find . -name '*.so' -exec strip --strip-unneeded {} +
# compiled alone: a traceback names file and line all the same
python -m compileall -q -b .
find . -name '*.py' -delete
find . -exec touch -h -d @0 {} +
