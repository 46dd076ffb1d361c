"""The permission catalogue: every permission of the contract with what the contract's comments say of it.

Comments are not in the generated modules; the descriptor set beside them keeps them.
"""

from __future__ import annotations

import functools
from pathlib import Path

from google.protobuf import descriptor_pb2

import heyi
from heyi.options.v1 import options_pb2

SERVICE_FIELD, METHOD_FIELD = 6, 2  # numbers in FileDescriptorProto and ServiceDescriptorProto: a comment's address


@functools.cache
def descriptions() -> dict[str, str]:
    """Permission -> what its method does; the first method's words where several share one."""
    files = descriptor_pb2.FileDescriptorSet.FromString(_descriptor_set().read_bytes())
    found: dict[str, str] = {}
    for file in files.file:
        comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        for s, service in enumerate(file.service):
            for m, method in enumerate(service.method):
                permission = method.options.Extensions[options_pb2.policy].permission
                if permission:
                    words = " ".join(comments.get((SERVICE_FIELD, s, METHOD_FIELD, m), "").split())
                    found[permission] = found.get(permission) or words
    return dict(sorted(found.items()))


def _descriptor_set() -> Path:
    return Path(next(iter(heyi.__path__))).parent / "heyi.binpb"
