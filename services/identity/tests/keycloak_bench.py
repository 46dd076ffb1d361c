"""A real Keycloak with the realm of the house, and a person at its login page."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import os
import re
import secrets
from dataclasses import dataclass
from typing import Any

import httpx2
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection

from identity.keycloak import MARK, Known, Look, Realm, Wanted

REALM, CLIENT = "heyi", "heyi-identity"


@dataclass(frozen=True)
class KeycloakBench:
    """Where the server is, and how identity's client signs in."""

    url: str
    secret: str
    gateway_url: str

    @classmethod
    def find(cls) -> KeycloakBench:
        """The one that the environment names as it does for identity itself, else that of the instance `test`."""
        names = ("HEYI_IDENTITY_KEYCLOAK_URL", "HEYI_IDENTITY_CLIENT_SECRET", "HEYI_GATEWAY_PUBLIC_URL")
        if any(name not in os.environ for name in names):
            from infra.local.instance import Instance

            instance = Instance("test")
            instance.up(demo=False, only_infrastructure=True)
            env = instance.env()
        else:
            env = dict(os.environ)
        return cls(*(env[name] for name in names))

    def realm(self, *, url: str = "", secret: str = "") -> Realm:
        """Identity's own view of the realm."""
        return Realm(url or self.url, REALM, client=CLIENT, secret=secret or self.secret, connections=4)

    def admin(self) -> KeycloakAdmin:
        """The same client, to look with."""
        connection = KeycloakOpenIDConnection(
            server_url=self.url, realm_name=REALM, client_id=CLIENT, client_secret_key=self.secret, timeout=10
        )
        return KeycloakAdmin(connection=connection)

    async def sign_in(self, username: str, password: str) -> str:
        """What the login page leads to: "signed in", "new password" or "refused"."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        question = {
            "client_id": "heyi-gateway",
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": f"{self.gateway_url}/auth/callback",
            "state": "s",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        async with httpx2.AsyncClient(timeout=20) as browser:
            page = await browser.get(f"{self.url}/realms/{REALM}/protocol/openid-connect/auth", params=question)
            form = re.search(r'<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"', page.text)
            assert form, page.text[:2000]
            # Python's cookie jar keeps no Secure cookies of http://127.0.0.1; a browser does
            cookies = "; ".join(line.split(";")[0] for line in page.headers.get_list("set-cookie"))
            answer = await browser.post(
                html.unescape(form[1]), data={"username": username, "password": password}, headers={"Cookie": cookies}
            )
        target = answer.headers.get("location", "")
        if target.startswith(f"{self.gateway_url}/auth/callback") and "code=" in target:
            return "signed in"
        return "new password" if "UPDATE_PASSWORD" in target else "refused"


async def users_of(admin: KeycloakAdmin, employee_id: str) -> list[dict[str, Any]]:
    """The accounts that carry an employee's mark."""
    query = {"q": f"{MARK}:{employee_id}", "first": 0, "max": 10, "briefRepresentation": "false"}
    return await admin.a_get_users(query)


class DiesAfterwards:
    """The process ends right after Keycloak answered, before anything was recorded."""

    def __init__(self, realm: Realm) -> None:
        self.realm = realm

    async def bring_in_step(self, wanted: Wanted, known: Known) -> Look:
        await self.realm.bring_in_step(wanted, known)
        raise asyncio.CancelledError
