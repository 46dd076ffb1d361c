"""The pages: files of the built SPA, and its one HTML document with a fresh nonce each time."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import secrets
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response

PLACEHOLDER = "__CSP_NONCE__"
_COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")
_FOREVER, _ASK = "public, max-age=31536000, immutable", "no-cache"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}


def content_security_policy(nonce: str) -> str:
    """What a page may load: our own things, and inline styles and scripts that carry the nonce."""
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data: blob:",
            "frame-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


@dataclass(frozen=True)
class _File:
    modified: float
    media_type: str
    etag: str
    plain: bytes
    packed: bytes | None


class Pages:
    """Files below the web root, read once and again when they change."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._files: dict[str, _File] = {}

    async def get(self, path: str, headers: Headers) -> Response | None:
        """The file at a path, or the HTML document for a page of the SPA; None where nothing is there."""
        if "\x00" in path or "\\" in path:
            return None
        name = path.lstrip("/")
        if name and (found := await self._file(name)):
            return self._answer(found, headers, _FOREVER if name.startswith("assets/") else _ASK)
        if name.startswith("assets/") or "." in name.rsplit("/", 1)[-1]:
            return None
        index = await self._file("index.html")
        return self._document(index.plain) if index else None

    def _document(self, plain: bytes) -> Response:
        nonce = secrets.token_urlsafe(18)
        text = plain.decode().replace(PLACEHOLDER, nonce).replace("<script ", f'<script nonce="{nonce}" ')
        headers = {"Content-Security-Policy": content_security_policy(nonce), "Cache-Control": "no-store"}
        return Response(text, headers=headers, media_type="text/html")

    def _answer(self, found: _File, headers: Headers, cache: str) -> Response:
        wants = {"ETag": found.etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=wants)
        if found.packed is not None and "gzip" in headers.get("accept-encoding", ""):
            wants["Content-Encoding"] = "gzip"
            return Response(found.packed, headers=wants, media_type=found.media_type)
        return Response(found.plain, headers=wants, media_type=found.media_type)

    async def _file(self, name: str) -> _File | None:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            return None
        modified = path.stat().st_mtime
        known = self._files.get(name)
        if known is None or known.modified != modified:
            known = self._files[name] = await asyncio.to_thread(_read, path, modified)
        return known


def _read(path: Path, modified: float) -> _File:
    plain = path.read_bytes()
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = gzip.compress(plain, 6, mtime=0) if media_type.startswith(_COMPRESSED) and len(plain) > 1000 else None
    return _File(modified, media_type, f'"{hashlib.sha256(plain).hexdigest()[:20]}"', plain, packed)
