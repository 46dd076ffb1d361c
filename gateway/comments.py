"""Comments of the contract. Generated modules drop them, so they are read from the descriptor set beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

import heyi

DESCRIPTORS = Path(next(iter(heyi.__path__))).parent / "heyi.binpb"
_MESSAGE, _ENUM, _SERVICE, _FIELD, _NESTED, _NESTED_ENUM, _VALUE, _METHOD = 4, 5, 6, 2, 3, 4, 2, 2


class Comments:
    """What the contract says in prose, by full name."""

    def __init__(self, path: Path = DESCRIPTORS) -> None:
        self._by_name: dict[str, str] = {}
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file
        for file in files:
            if not file.package.startswith("google."):
                self._read(file)

    def of(self, descriptor: Any) -> str:
        """The comment on a message, field, enum or value; ""."""
        name = getattr(descriptor, "full_name", None) or f"{descriptor.type.full_name}.{descriptor.name}"
        return self._by_name.get(name, "")

    def of_method(self, full_name: str) -> str:
        """The comment on a method: `heyi.x.v1.Service/Method`."""
        return self._by_name.get(full_name.replace("/", "."), "")

    def _read(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        said = {
            tuple(location.path): " ".join(location.leading_comments.split())
            for location in file.source_code_info.location
            if location.leading_comments
        }

        def note(path: tuple[int, ...], name: str) -> None:
            if comment := said.get(path):
                self._by_name[name] = comment

        def enum(one: descriptor_pb2.EnumDescriptorProto, path: tuple[int, ...], scope: str) -> None:
            note(path, f"{scope}.{one.name}")
            for index, value in enumerate(one.value):
                note((*path, _VALUE, index), f"{scope}.{one.name}.{value.name}")

        def message(one: descriptor_pb2.DescriptorProto, path: tuple[int, ...], scope: str) -> None:
            name = f"{scope}.{one.name}"
            note(path, name)
            for index, field in enumerate(one.field):
                note((*path, _FIELD, index), f"{name}.{field.name}")
            for index, nested in enumerate(one.nested_type):
                message(nested, (*path, _NESTED, index), name)
            for index, nested_enum in enumerate(one.enum_type):
                enum(nested_enum, (*path, _NESTED_ENUM, index), name)

        for index, top in enumerate(file.message_type):
            message(top, (_MESSAGE, index), file.package)
        for index, top_enum in enumerate(file.enum_type):
            enum(top_enum, (_ENUM, index), file.package)
        for index, service in enumerate(file.service):
            note((_SERVICE, index), f"{file.package}.{service.name}")
            for at, method in enumerate(service.method):
                note((_SERVICE, index, _METHOD, at), f"{file.package}.{service.name}.{method.name}")
