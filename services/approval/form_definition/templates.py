"""The product's own forms, as files of the format in which forms are downloaded: a company takes one over as a draft of
its own and changes it there. Beside the form stand its words in other languages, of what a form says in one only.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "template_files"


@functools.cache
def files() -> tuple[Mapping[str, Any], ...]:
    """What each file says, by the code of its form."""
    return tuple(json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.form.json")))


def drafts(locale: str) -> list[dict[str, Any]]:
    """What new drafts would say to people of a language."""
    return [{**file["form"], **file["words"].get(locale, {})} for file in files()]
