"""Sensitive columns at rest: every value has its own key, which is wrapped by a key of the service.

A stored value is `version | key id | wrapped data key | nonce | ciphertext`, sealed with AES-256-GCM. What is sealed is
bound to its table and column, so that a ciphertext moved elsewhere does not open. Keys are `k2:<base64>,k1:<base64>`:
the first seals, all open. To rotate: put the new key in front, restart, run `python -m chassis reencrypt <service>`,
take the old key out. Only the small data keys are wrapped anew; no value is ever in clear on the way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.types import LargeBinary, TypeDecorator

from chassis.db import fenced_to

INDEX_KEY = "index"

_VERSION = 1
_KEY_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 12, 16
_WRAPPED_BYTES = _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES
_KEY_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class SealBroken(Exception):
    """A stored value cannot be opened: it was changed, moved, or its key is gone."""


class _Sealed(NamedTuple):
    key_id: str
    wrapped: bytes
    body: bytes


class Keyring:
    """The keys of one service. The first seals; all open; one named `index` is for blind indexes alone."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {name: key for name, key in keys.items() if name != INDEX_KEY}
        self._index = keys.get(INDEX_KEY)
        if not self._keys:
            raise ValueError("no key to seal with")
        for name, key in keys.items():
            if not _KEY_ID.fullmatch(name) or len(key) != _KEY_BYTES:
                raise ValueError(f"key {name[:32]!r} is not 32 bytes under a short name")
        self.current = next(iter(self._keys))

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read `k2:<base64>,k1:<base64>,index:<base64>`; the message of an error holds no key."""
        keys: dict[str, bytes] = {}
        for part in filter(None, text.split(",")):
            name, colon, encoded = part.strip().partition(":")
            try:
                keys[name] = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError(f"key {name[:32]!r} is not base64") from None
            if not colon:
                raise ValueError("keys are written name:base64, separated by commas")
        return cls(keys)

    def encrypt(self, plain: str, table: str, column: str, context: str = "") -> bytes:
        """Seal a text for its place; `context` may name the row where the caller knows it."""
        place = _place(table, column, context)
        data_key, nonce = os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES)
        body = nonce + AESGCM(data_key).encrypt(nonce, plain.encode(), place)
        return _join(self.current, self._wrap(data_key, place), body)

    def decrypt(self, sealed: bytes, table: str, column: str, context: str = "") -> str:
        """Open a sealed text; raises SealBroken."""
        place, parts = _place(table, column, context), _split(sealed)
        nonce, body = parts.body[:_NONCE_BYTES], parts.body[_NONCE_BYTES:]
        try:
            return AESGCM(self._unwrap(parts, place)).decrypt(nonce, body, place).decode()
        except InvalidTag:
            raise SealBroken(f"{table}.{column}: the value was changed or belongs elsewhere") from None

    def rewrap(self, sealed: bytes, table: str, column: str, context: str = "") -> bytes:
        """The same sealed text under the current key; its body stays as it is."""
        place, parts = _place(table, column, context), _split(sealed)
        return _join(self.current, self._wrap(self._unwrap(parts, place), place), parts.body)

    def blind_index(self, value: str) -> bytes:
        """The same bytes for the same text, for equality look-ups; says nothing without the index key.

        The index key is not rotated with the others: the indexes would have to be made anew.
        """
        if self._index is None:
            raise ValueError(f"the keyring has no key named {INDEX_KEY!r}")
        return hmac.new(self._index, value.encode(), hashlib.sha256).digest()

    def prefix(self) -> bytes:
        """What every value sealed with the current key begins with."""
        return _head(self.current)

    def _wrap(self, data_key: bytes, place: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._keys[self.current]).encrypt(nonce, data_key, _head(self.current) + place)

    def _unwrap(self, parts: _Sealed, place: bytes) -> bytes:
        if parts.key_id not in self._keys:
            raise SealBroken(f"the keyring lacks key {parts.key_id!r}")
        nonce, wrapped = parts.wrapped[:_NONCE_BYTES], parts.wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(self._keys[parts.key_id]).decrypt(nonce, wrapped, _head(parts.key_id) + place)
        except InvalidTag:
            raise SealBroken(f"key {parts.key_id!r} does not open the value here") from None


def _place(table: str, column: str, context: str) -> bytes:
    return "|".join((table, column, context)).encode()


def _head(key_id: str) -> bytes:
    return bytes((_VERSION, len(key_id))) + key_id.encode()


def _join(key_id: str, wrapped: bytes, body: bytes) -> bytes:
    return _head(key_id) + wrapped + body


def _split(sealed: bytes) -> _Sealed:
    body_at = 2 + (sealed[1] if len(sealed) > 1 else 0) + _WRAPPED_BYTES
    if len(sealed) < body_at + _NONCE_BYTES + _TAG_BYTES or sealed[0] != _VERSION:
        raise SealBroken("not a sealed value")
    key_id = sealed[2 : body_at - _WRAPPED_BYTES].decode("ascii", "replace")
    return _Sealed(key_id, sealed[body_at - _WRAPPED_BYTES : body_at], sealed[body_at:])


# ---- columns

_KEYRINGS: weakref.WeakKeyDictionary[sa.Dialect, Keyring] = weakref.WeakKeyDictionary()


def use_keyring(engine: AsyncEngine | sa.Engine, keyring: Keyring) -> None:
    """Give an engine its keys. Several services share a process, so keys belong to the engine and not to the module."""
    _KEYRINGS[engine.dialect] = keyring


def keyring_of(engine: AsyncEngine | sa.Engine | sa.Connection) -> Keyring:
    """The keys of an engine or of a connection; raises where it was given none."""
    return _of(engine.dialect)


def _of(dialect: sa.Dialect) -> Keyring:
    if (found := _KEYRINGS.get(dialect)) is None:
        raise ValueError("this engine has no keys: HEYI_<SERVICE>_KEYS is not set")
    return found


class Encrypted(TypeDecorator[str]):
    """A text column that holds ciphertext: `mapped_column(Encrypted("supplier_bank_account", "account_number"))`."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, table: str, column: str) -> None:
        super().__init__()
        self.table, self.column = table, column

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else _of(dialect).encrypt(value, self.table, self.column)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else _of(dialect).decrypt(value, self.table, self.column)


async def reencrypt(session: AsyncSession, model: Any, column: str, batch: int = 500) -> int:
    """Bring up to `batch` values of a column under the current key; returns how many there were, 0 when all are.

    One statement reads and locks, one writes. Rows that a call holds at the moment are left to the next turn, the row's
    version stays, and whoever runs this commits after each batch.
    """
    table = model.__table__
    kind, (key,) = table.c[column].type, table.primary_key
    if not isinstance(kind, Encrypted):
        raise TypeError(f"{table.name}.{column} is not encrypted")
    keyring = keyring_of((await session.connection()).engine)
    prefix = keyring.prefix()
    old = await session.execute(
        sa.text(
            f"SELECT {key.name} AS id, {column} AS sealed FROM {table.name}"  # noqa: S608
            f" WHERE {column} IS NOT NULL AND substring({column} FROM 1 FOR :size) <> :prefix"
            f" ORDER BY {key.name} LIMIT :batch FOR UPDATE SKIP LOCKED"
        ),
        {"size": len(prefix), "prefix": prefix, "batch": batch},
    )
    rows = old.all()
    if rows:
        fresh = [keyring.rewrap(row.sealed, kind.table, kind.column) for row in rows]
        await session.execute(
            sa.text(
                f"UPDATE {table.name} SET {column} = fresh.sealed"  # noqa: S608
                f" FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[])) AS fresh(id, sealed)"
                f" WHERE {table.name}.{key.name} = fresh.id"
            ),
            {"ids": [row.id for row in rows], "sealed": fresh},
        )
    return len(rows)


async def reencrypt_all(engine: AsyncEngine, base: Any) -> tuple[int, list[str]]:
    """Bring every sealed value of a service under its current key, a transaction a batch: how many there were, and the
    columns in which some are left, since a call held their rows.
    """
    count, left, prefix = 0, list[str](), keyring_of(engine).prefix()
    with fenced_to(None):
        for mapper in base.registry.mappers:
            for column in mapper.local_table.columns:
                if not isinstance(column.type, Encrypted):
                    continue
                done = 1
                while done:
                    async with AsyncSession(engine) as session, session.begin():
                        done = await reencrypt(session, mapper.class_, column.name)
                    count += done
                async with AsyncSession(engine) as session:
                    old = sa.func.substring(sa.type_coerce(column, LargeBinary), 1, len(prefix)) != prefix
                    if await session.scalar(sa.select(sa.exists().where(column.is_not(None), old))):
                        left.append(f"{column.table.name}.{column.name}")
    return count, left
