"""Words of the contract in the caller's language: catalogs beside the contract, and English words made of names.

A service's catalog answers for its own names, `common.yaml` for what is shared. A refusal always has a sentence.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from chassis import contract

LOCALES = ("zh-CN", "en")
DEFAULT_LOCALE = LOCALES[0]
FOLDER = Path(__file__).resolve().parents[1] / "proto" / "labels"
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@functools.lru_cache(maxsize=1000)
def choose_locale(wanted: str) -> str:
    """The language to answer in, from `zh-CN`, `en-GB;q=0.8,...` or nothing at all."""
    best, best_weight = DEFAULT_LOCALE, 0.0
    for part in wanted[:200].split(","):
        tag, _, weight = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        match = next((locale for locale in LOCALES if locale.lower().split("-")[0] == language), None)
        if match is None:
            continue
        try:
            value = float(weight.split("=")[1]) if "=" in weight else 1.0
        except ValueError:
            continue
        if value > best_weight:
            best, best_weight = match, value
    return best


def in_words(name: str) -> str:
    """`supplier_id` -> `Supplier`, `SHORT_CLOSED` -> `Short closed`, `PurchaseOrder` -> `Purchase order`."""
    text = name if "_" in name or name.isupper() else _CAPITAL.sub("_", name)
    text = re.sub(r"_ids?$", "", text.lower()) or text
    words = text.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def fill(sentence: str, facts: Mapping[str, str]) -> str:
    """Put facts in their places. A fact that is missing leaves its place visible, never an error."""
    return _PLACEHOLDER.sub(lambda found: facts.get(found[1], found[0]), sentence)


class Labels:
    """The catalogs of one language."""

    def __init__(self, locale: str, folder: Path = FOLDER) -> None:
        self.locale = locale
        self._catalogs: dict[str, dict[str, dict[str, Any]]] = {}
        for path in sorted((folder / locale).glob("*.yaml")):
            self._catalogs[path.stem] = yaml.safe_load(path.read_text("utf-8")) or {}

    def find(self, section: str, service: str, *keys: str) -> Any:
        """The first of the keys that the service's catalog or the common one knows; None where neither does."""
        for catalog in (service, "common"):
            entries = self._catalogs.get(catalog, {}).get(section) or {}
            for key in keys:
                if key in entries:
                    return entries[key]
        return None

    def all(self, section: str) -> dict[str, Any]:
        """A section of every catalog, as one."""
        merged: dict[str, Any] = {}
        for catalog in self._catalogs.values():
            merged |= catalog.get(section) or {}
        return merged

    def field(self, service: str, message: str, name: str) -> str:
        """Label of a field: of this message, of the name wherever it stands, or the name in words."""
        return str(self.find("fields", service, f"{message}.{name}", f"*.{name}", name) or in_words(name))

    def document(self, service: str, message: str) -> str:
        """Title of one document."""
        return str(self.find("documents", service, message) or in_words(message))

    def documents(self, service: str, message: str) -> str:
        """Title of a list of documents."""
        return str(self.find("documents_plural", service, message) or self.document(service, message))

    def value(self, service: str, enum: str, name: str) -> str:
        """Label of an enum's value; `enum` is `PurchaseOrder.State`."""
        return str(self.find("enums", service, f"{enum}.{name}") or in_words(name))

    def action(self, service: str, message: str, verb: str) -> str:
        """Label of what can be done with a document; `verb` in snake case."""
        return str(self.find("actions", service, f"{message}.{verb}", f"*.{verb}", verb) or in_words(verb))

    def service(self, service: str) -> str:
        """Title of a service."""
        return str(self.find("services", service, service) or in_words(service))

    @functools.cached_property
    def refusals(self) -> dict[str, dict[str, str]]:
        """Sentences of every refusal."""
        return {name: dict(entry) for name, entry in self.all("refusals").items()}

    def sentence(self, reason: str, facts: Mapping[str, str]) -> str:
        """What a refusal says to a person, with what to do next."""
        entry = self.refusals.get(reason)
        if entry is None:
            return in_words(reason)
        facts = {name: self._said(value) for name, value in facts.items()}
        parts = [fill(entry[key], facts) for key in ("message", "remedy") if entry.get(key)]
        return (" " if self.locale == "en" else "").join(parts)

    def _said(self, value: str) -> str:
        """A fact as people read it: `inventory.item` is an item."""
        known = contract.load().documents.get(value)
        return value if known is None else self.document(value.split(".")[0], str(known.message.DESCRIPTOR.name))


@functools.cache
def load(locale: str) -> Labels:
    """The catalogs of one language, read once."""
    return Labels(locale)
