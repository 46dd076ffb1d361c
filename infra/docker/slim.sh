#!/bin/sh
# slim.sh LOCK FOLDER: install what the lock names into the folder, and leave there what runs.
set -eu
mkdir -p "$2"
if [ -s "$1" ]; then python -m pip install -q --no-deps --no-compile --target "$2" -r "$1"; fi
cd "$2"
# manuals, CEL's extensions, a picture format that nobody may send
rm -rf bin share cel_expr_python/ext PIL/_avif.* pillow.libs/libavif-*
# drawing of text into pictures, with the libraries that only it links
rm -f PIL/_imagingft.* PIL/_imagingtk.* pillow.libs/libfreetype-* pillow.libs/libharfbuzz-* pillow.libs/libbrotli* \
    pillow.libs/libpng16-*
# numbers of other countries' companies, banks and phones
find . -maxdepth 2 -path './stdnum/*' ! -name cn ! -name __init__.py ! -name exceptions.py ! -name util.py \
    -exec rm -r {} +
# hyphens of languages in which nothing is printed
find . -path './pyphen/dictionaries/*.dic' ! -name 'hyph_en_*' -delete
# compression of fonts for the web, for which nothing asks; what pip keeps for taking a package away
rm -rf brotli.* _brotli.* zopfli
find . -name RECORD -delete
# time zones a second time: Python looks at the system's first
if [ -e /usr/share/zoneinfo/Asia/Shanghai ]; then rm -rf tzdata/zoneinfo; fi
# making fonts from sources and others' formats; what hastens drawing of outlines, which pages leave to HarfBuzz
rm -rf fontTools/ufoLib fontTools/voltLib fontTools/mtiLib fontTools/merge fontTools/diff fontTools/svgLib \
    fontTools/t1Lib fontTools/cu2qu fontTools/qu2cu
find . -path './fontTools/*.so' -delete
find . -type d \( -name tests -o -name testing \) -prune -exec rm -r {} +
find . -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' \) -delete
find . -name '*.so' -exec strip --strip-unneeded {} +
# Compiled alone: a traceback names file and line all the same. Docstrings are emptied but where SQLAlchemy wants one.
python - <<'END'
import ast, importlib.util, marshal, pathlib
documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
for file in pathlib.Path().rglob("*.py"):
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree) if file.name != "events.py" else ():
        if isinstance(node, documented) and ast.get_docstring(node, clean=False):
            node.body[0].value.value = ""
    code = compile(tree, f"./{file}", "exec", dont_inherit=True)
    file.with_suffix(".pyc").write_bytes(importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code))
END
find . -name '*.py' -delete
find . -exec touch -h -d @0 {} +
