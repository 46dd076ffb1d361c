"""Files of a backup, sealed with the operator's key: AES-256-GCM by pieces, the construction of age and Tink (STREAM).

Every file has a key of its own, made of the operator's key, a random salt and the file's name in the backup: a file
that is changed, cut, lengthened or put in another's place does not open. `PLAIN` has the same face and seals nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import os
from pathlib import Path
from typing import IO, Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.local.report import CannotContinueError

MAGIC = b"heyi-sealed-1\n"
SALT_BYTES, KEY_BYTES, TAG_BYTES, PIECE_BYTES = 32, 32, 16, 1024 * 1024
ENDING = ".sealed"


class Cover(Protocol):
    """How files of a backup are written and read."""

    id: str
    ending: str

    def writer(self, file: Any, name: str) -> io.RawIOBase: ...

    def reader(self, file: IO[bytes], name: str) -> IO[bytes]: ...

    def sum(self, text: bytes) -> str: ...


class Plain:
    """Nothing is sealed; sums find accidents, not intent."""

    id, ending = "", ""

    def writer(self, file: Any, name: str) -> io.RawIOBase:
        return _Passing(file)

    def reader(self, file: IO[bytes], name: str) -> IO[bytes]:
        return file

    def sum(self, text: bytes) -> str:
        return hashlib.sha256(text).hexdigest()


class Sealed:
    """Sealed with a key."""

    ending = ENDING

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = _derive(key, b"", "id").hex()[:16]

    @classmethod
    def read(cls, file: Path) -> Sealed:
        """The key of a file: 32 bytes in base64, as `openssl rand -base64 32` writes them."""
        try:
            key = base64.b64decode(file.read_text().strip(), validate=True)
        except (OSError, ValueError, binascii.Error) as problem:
            raise CannotContinueError(f"The key {file} cannot be read: {problem}") from None
        if len(key) != KEY_BYTES:
            raise CannotContinueError(
                f"The key {file} is not 32 bytes in base64. Make one: openssl rand -base64 32 > FILE"
            )
        return cls(key)

    def writer(self, file: Any, name: str) -> io.RawIOBase:
        salt = os.urandom(SALT_BYTES)
        file.write(MAGIC + salt)
        return _Sealing(file, AESGCM(_derive(self._key, salt, f"file {name}")))

    def reader(self, file: IO[bytes], name: str) -> IO[bytes]:
        head = file.read(len(MAGIC) + SALT_BYTES)
        if not head.startswith(MAGIC):
            raise CannotContinueError(f"{name} is not a sealed file.")
        key = AESGCM(_derive(self._key, head[len(MAGIC) :], f"file {name}"))
        return io.BufferedReader(_Opening(file, key, name), PIECE_BYTES)

    def sum(self, text: bytes) -> str:
        return hmac.new(_derive(self._key, b"", "manifest"), text, hashlib.sha256).hexdigest()


PLAIN = Plain()


def _derive(key: bytes, salt: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=f"heyi backup {purpose}".encode()).derive(key)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


class _Passing(io.RawIOBase):
    """Writes through; closing it does not close what is below, as with the sealing one."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return int(self.file.write(data))


class _Sealing(io.RawIOBase):
    def __init__(self, file: Any, key: AESGCM) -> None:
        self.file, self.key = file, key
        self.held, self.number = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """The last piece is marked, so one stays in hand until it is known whether more follows."""
        view = memoryview(data)
        self.held += view
        while len(self.held) > PIECE_BYTES:
            self._put(bytes(self.held[:PIECE_BYTES]), last=False)
            del self.held[:PIECE_BYTES]
        return view.nbytes

    def _put(self, piece: bytes, *, last: bool) -> None:
        self.file.write(self.key.encrypt(_nonce(self.number, last=last), piece, None))
        self.number += 1

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self.held), last=True)
        super().close()


class _Opening(io.RawIOBase):
    def __init__(self, file: IO[bytes], key: AESGCM, name: str) -> None:
        self.file, self.key, self.name = file, key, name
        self.number, self.next = 0, file.read(PIECE_BYTES + TAG_BYTES)
        self.clear = memoryview(b"")
        if not self.next:
            raise CannotContinueError(f"{name} was cut.")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.clear and self.next:
            piece, self.next = self.next, self.file.read(PIECE_BYTES + TAG_BYTES)
            try:
                opened = self.key.decrypt(_nonce(self.number, last=not self.next), piece, None)
            except InvalidTag:
                raise CannotContinueError(f"{self.name} was changed, or was sealed with another key.") from None
            self.clear, self.number = memoryview(opened), self.number + 1
        target = memoryview(buffer)
        count = min(len(target), len(self.clear))
        target[:count] = self.clear[:count]
        self.clear = self.clear[count:]
        return count
