"""The gateway as a browser uses it: sign in at Keycloak's page, keep the session cookie, call the REST interface.

Cookies are kept by hand: Python's cookie jar drops Secure cookies over http, which browsers accept on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import functools
import html
import json
import re
import ssl
import uuid
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from infra.local.demo.records import NAMESPACE

# What passes by itself: read copies and the organisation reach the other services within seconds.
PASSING = {
    "AUTHORIZATION_UNKNOWN",
    "BUSY",
    "COMPANY_NOT_ALLOWED",
    "FIELD_NO_SUCH_DOCUMENT",
    "IN_PROGRESS",
    "NOT_SIGNED_IN",
    "PERMISSION_MISSING",
    "SERVICE_UNAVAILABLE",
    "TOO_MANY_REQUESTS",
}
PATIENCE_SECONDS = 30.0
STEPS_TO_SIGN_IN = 8
FORM = re.compile(r'<form[^>]*\baction="([^"]+)"[^>]*>')
WORDS = re.compile(r'(?:id="input-error[^"]*"|class="[^"]*(?:alert|kc-feedback)[^"]*")[^>]*>\s*([^<]+)')


class CannotGoOnError(Exception):
    """Something is not as it must be; the words say what."""


class RefusedHereError(Exception):
    """The suite said no: the reason by name, and its answer."""

    def __init__(self, status: int, error: Mapping[str, Any], what: str) -> None:
        details = error.get("details", [])
        self.status = status
        self.reason = next((d["reason"] for d in details if "reason" in d), str(error.get("status", status)))
        self.violations = [v for d in details for v in d.get("fieldViolations", [])]
        facts: dict[str, Any] = next((d["metadata"] for d in details if "metadata" in d), {})
        self.retry_after = float(facts.get("retry_after_seconds", 0))
        fields = "; ".join(f"{v.get('field')}: {v.get('reason')} {v.get('description', '')}" for v in self.violations)
        super().__init__(f"{what}: {self.reason} {error.get('message', '')} {fields}".strip())

    @property
    def passing(self) -> bool:
        """Whether it may be otherwise in a moment."""
        return self.reason in PASSING or {v.get("reason") for v in self.violations} & PASSING != set()


class Door:
    """One person's session at the gateway; `authority` is the file that vouches for an https address on one machine."""

    def __init__(self, address: str, authority: str = "") -> None:
        self.address, self.verify = address, _trust(authority)
        self._cookies: dict[str, dict[str, str]] = {}
        # a jar that takes nothing, so that only the cookies kept here are sent
        jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        self._http = httpx2.AsyncClient(
            timeout=30, cookies=jar, follow_redirects=False, trust_env=False, verify=self.verify
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def sign_in(self, username: str, password: str) -> None:
        """Go the browser's way: gateway, Keycloak's page, back with a code, session."""
        address, form = f"{self.address}/auth/login?next=/&locale=en", None
        for _ in range(STEPS_TO_SIGN_IN):
            verb = "GET" if form is None else "POST"
            # whoever is not signed in yet shares a ration with the others of this address, and waits as told
            while (answer := await self._send(verb, address, data=form)).status_code == 429:  # noqa: ASYNC110
                await asyncio.sleep(int(answer.headers["retry-after"]))
            if answer.is_redirect:
                address, form = urljoin(address, answer.headers["location"]), None
                if _site(address) == _site(self.address) and urlsplit(address).path == "/":
                    return
                continue
            page = FORM.search(answer.text)
            if form is not None or page is None or answer.status_code != 200:
                words = WORDS.search(answer.text)
                said = words[1].strip() if words else answer.text[:300]
                where = f"{answer.status_code} at {urlsplit(address).path}"
                raise CannotGoOnError(f"{username} cannot sign in: {where}: {said}")
            address = urljoin(address, html.unescape(page[1]))
            form = {"username": username, "password": password, "credentialId": ""}
        raise CannotGoOnError(f"{username} cannot sign in: sent from page to page")

    @property
    def cookie(self) -> str:
        """The session's cookie header, for those who call with a client of their own."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.get(_site(self.address), {}).items())

    async def get(self, path: str, *, company: str = "", **query: Any) -> Any:
        """Read; the answer's JSON."""
        return await self.call("GET", path, company=company, query=query)

    async def call(
        self, verb: str, path: str, body: Any = None, *, company: str = "", query: Mapping[str, Any] | None = None
    ) -> Any:
        """One REST call; what passes by itself is waited for, a while. The same call has the same key: it acts once."""
        text = json.dumps(body, sort_keys=True, ensure_ascii=False) if body is not None else ""
        asked = json.dumps([verb, path, company, query or {}, text], sort_keys=True)
        key = str(uuid.uuid5(NAMESPACE, asked))
        headers = {"accept": "application/json", "accept-language": "en", "x-csrf": "1", "origin": self.address}
        headers |= {"x-company": company} if company else {}
        headers |= {"idempotency-key": key, "content-type": "application/json"} if verb != "GET" else {}
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + PATIENCE_SECONDS, 0.1
        while True:
            answer = await self._send(
                verb, self.address + path, params=dict(query or {}), content=text.encode() or None, headers=headers
            )
            if answer.is_success:
                return answer.json() if answer.content else None
            refusal = _refusal(answer, f"{verb} {path}")
            if not refusal.passing or loop.time() > deadline:
                raise refusal
            await asyncio.sleep(max(pause, refusal.retry_after))
            pause = min(pause * 2, 1.0)

    async def _send(self, verb: str, address: str, **more: Any) -> httpx2.Response:
        kept = self._cookies.setdefault(_site(address), {})
        headers = more.pop("headers", {})
        if kept:
            headers = {**headers, "cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
        given = {name: value for name, value in more.items() if value is not None}
        answer = await self._http.request(verb, address, headers=headers, **given)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel.value and morsel["max-age"] != "0":
                    kept[name] = morsel.value
                else:
                    kept.pop(name, None)
        return answer


@functools.cache
def _trust(authority: str) -> ssl.SSLContext:
    """Read once: reading the machine's authorities takes longer than signing in."""
    return ssl.create_default_context(cafile=authority or None)


def _site(address: str) -> str:
    return urlsplit(address).netloc


def _refusal(answer: httpx2.Response, what: str) -> RefusedHereError:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = {"message": answer.text[:300]}
    return RefusedHereError(answer.status_code, error, what)
