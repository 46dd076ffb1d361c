"""What may stand in a print template: fields that the type has, and a picture that is one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from typing import Any

from chassis.custom_fields import PATH
from chassis.errors import Refused
from chassis.typed_fields import Violation

# how the bytes of a picture begin, by its kind
PICTURES = {"data:image/png;base64,": b"\x89PNG\r\n\x1a\n", "data:image/jpeg;base64,": b"\xff\xd8\xff"}


def check(template: Any, *, fields: Collection[str], columns: Collection[str]) -> None:
    """Refuse what cannot be printed, all of it at once."""
    found = [*_unknown("field_names", template.field_names, fields)]
    found += _unknown("line_columns", template.line_columns, columns)
    if template.logo and not is_picture(template.logo):
        found.append(("logo", "PRINT_TEMPLATE_LOGO", {}))
    if found:
        raise Refused.fields(found)


def _unknown(field: str, names: Collection[str], known: Collection[str]) -> Iterator[Violation]:
    for index, name in enumerate(names):
        if name not in known and not (field == "field_names" and PATH.fullmatch(name)):
            yield f"{field}[{index}]", "PRINT_TEMPLATE_FIELD", {"value": name[:100]}


def is_picture(text: str) -> bool:
    """Whether it is PNG or JPEG as the page that chose it wrote it, and nothing else: it stands in an attribute."""
    for prefix, beginning in PICTURES.items():
        if text.startswith(prefix):
            try:
                return base64.b64decode(text.removeprefix(prefix), validate=True).startswith(beginning)
            except binascii.Error:
                return False
    return False
