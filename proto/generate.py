"""Make gen/ from the contract: Python messages with types, and one descriptor set with the comments.

Run by `make gen`, by the image build and by CI alike. Takes two seconds, so nothing that it makes is committed.
"""

from __future__ import annotations

import pathlib
import shutil
import sys

import google.api.annotations_pb2
import grpc_tools
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTO, OUT = ROOT / "proto", ROOT / "gen"
WELL_KNOWN = pathlib.Path(grpc_tools.__file__).parent / "_proto"
GOOGLE_APIS = pathlib.Path(google.api.annotations_pb2.__file__).parents[2]


def main() -> None:
    """Write gen/ beside what is there, then put it in its place, so that a reader never sees half of it."""
    fresh = OUT.with_name("gen.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("heyi/**/*.proto"))
    arguments = [
        "protoc",
        f"-I{PROTO}",
        f"-I{WELL_KNOWN}",
        f"-I{GOOGLE_APIS}",
        f"--python_out={fresh}",
        f"--mypy_out=quiet:{fresh}",
        f"--descriptor_set_out={fresh / 'heyi.binpb'}",
        "--include_imports",
        "--include_source_info",
        f"--plugin=protoc-gen-mypy={pathlib.Path(sys.executable).parent / 'protoc-gen-mypy'}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("the contract does not compile; the lines above say where")
    for folder in [fresh / "heyi", *(path for path in (fresh / "heyi").rglob("*") if path.is_dir())]:
        (folder / "__init__.py").touch()
    shutil.rmtree(OUT, ignore_errors=True)
    fresh.rename(OUT)
    print(f"gen/: {len(sources)} files of the contract")


if __name__ == "__main__":
    main()
