"""Only our own pages may act with a session cookie.

Fetch Metadata where the browser sends it, else the origin; and a header that no form and no foreign page can set. Not
asked of bearer clients nor of the identity provider's sign-out call.
"""

from __future__ import annotations

from starlette.datastructures import Headers

from chassis.errors import Refused

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER = "x-csrf"


def check(method: str, headers: Headers, public_url: str) -> None:
    """Refuse an unsafe request that does not come from our own page."""
    if method in SAFE:
        return
    site = headers.get("sec-fetch-site")
    same = site == "same-origin" if site is not None else headers.get("origin") == public_url
    if not same or headers.get(HEADER) != "1":
        raise Refused("CROSS_SITE_REQUEST")


def local_path(wanted: str) -> str:
    """Where to go after signing in: a path of ours, or the front page for what a browser could read otherwise."""
    plain = wanted.isascii() and wanted.isprintable() and len(wanted) <= 2000
    if not plain or not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted:
        return "/"
    return "/" if wanted.startswith(("/auth/", "/v1/")) else wanted
