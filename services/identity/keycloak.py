"""Keycloak's side of an employee: what an account should be, what it is, and the few calls that bridge the two.

Only differences are written, so doing it twice does nothing. An account is recognised by the attribute `employee_id`,
which goes into the very call that makes it: a crash right after leaves an account that the next look finds.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakConnectionError, KeycloakError

MARK = "employee_id"
TIMEOUT_SECONDS = 10
NOT_FOUND, CONFLICT = 404, 409
# not this account's fault: the client's own rights or secret, or Keycloak itself
NOT_OURS = (401, 403, 429)


class Unreachable(Exception):
    """Keycloak does not answer, or does not let us work at all: nothing is wrong with this one account."""


class NotPossible(Exception):
    """Keycloak answers, and refuses this account. A person must look."""


@dataclass(frozen=True)
class Wanted:
    """The account as identity wants it."""

    employee_id: uuid.UUID
    username: str
    name: str
    email: str
    locale: str
    enabled: bool
    password: str | None = field(default=None, repr=False)
    password_temporary: bool = True


def representation(wanted: Wanted) -> dict[str, Any]:
    """A new account. The language is only a beginning: from then on the person chooses."""
    user: dict[str, Any] = {
        "username": wanted.username,
        "firstName": wanted.name,
        "email": wanted.email,
        "enabled": wanted.enabled,
        "attributes": {MARK: [str(wanted.employee_id)], "locale": [wanted.locale]},
    }
    if wanted.password is not None:
        user["credentials"] = [_password(wanted)]
    return user


def differences(user: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    """What to write so that the account is as wanted; empty when it is. Attributes of others are kept."""
    is_now = (user.get("firstName") or "", user.get("lastName") or "", user.get("email") or "", user.get("enabled"))
    if is_now == (wanted.name, "", wanted.email.lower(), wanted.enabled):
        return {}
    return {
        "username": user["username"],
        "firstName": wanted.name,
        "lastName": "",
        "email": wanted.email,
        "enabled": wanted.enabled,
        "attributes": user.get("attributes") or {},
    }


class Realm:
    """The realm's users, as far as the client `heyi-identity` may: look at them and keep them, nothing more."""

    def __init__(
        self, url: str, realm: str, *, client: str, secret: str, connections: int, verify: str | bool = True
    ) -> None:
        connection = KeycloakOpenIDConnection(
            server_url=url,
            realm_name=realm,
            client_id=client,
            client_secret_key=secret,
            timeout=TIMEOUT_SECONDS,
            pool_maxsize=connections,
            verify=verify,
        )
        self._connection = connection
        self._admin = KeycloakAdmin(connection=connection)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._connection.aclose()

    async def bring_in_step(self, wanted: Wanted, known_id: str | None) -> str:
        """Make the account what it should be and return its id. Raises Unreachable or NotPossible."""
        try:
            user = await self._find(wanted, known_id)
            if user is None:
                return await self._create(wanted)
            await self._write(user, wanted)
        except KeycloakConnectionError as error:
            raise Unreachable(f"no answer: {_words(error)}") from error
        except KeycloakError as error:
            code = error.response_code or 0
            # not found: it was there a moment ago, and the next look makes it anew
            if code in (*NOT_OURS, NOT_FOUND) or code >= 500 or not code:
                raise Unreachable(f"{code}: {_words(error)}") from error
            raise NotPossible(f"{code}: {_words(error)}") from error
        return str(user["id"])

    async def failed_logins(self, since: datetime.date, most: int) -> list[dict[str, Any]]:
        """Sign-ins that failed since a day, newest first. Raises Unreachable."""
        try:
            return list(
                await self._admin.a_get_events({"type": "LOGIN_ERROR", "dateFrom": since.isoformat(), "max": most})
            )
        except KeycloakError as error:
            raise Unreachable(f"{error.response_code or 'no answer'}: {_words(error)}") from error

    async def _create(self, wanted: Wanted) -> str:
        """A new account; one that would be closed from the start is made all the same, so that the name is taken."""
        return str(await self._admin.a_create_user(representation(wanted)))

    async def _write(self, user: Mapping[str, Any], wanted: Wanted) -> None:
        if user["username"] != wanted.username:
            raise NotPossible(f"the account signs in as {user['username']}")
        if changes := differences(user, wanted):
            await self._admin.a_update_user(user["id"], changes)
        if wanted.password is not None:
            await self._admin.a_set_user_password(user["id"], wanted.password, temporary=wanted.password_temporary)
        if wanted.password is not None or not wanted.enabled:
            await self._admin.a_user_logout(user["id"])

    async def _find(self, wanted: Wanted, known_id: str | None) -> dict[str, Any] | None:
        """The employee's account: by the id that was recorded, else by the mark, else by the name it must have."""
        if known_id is not None:
            try:
                known = await self._admin.a_get_user(known_id)
            except KeycloakError as error:
                if error.response_code != NOT_FOUND:
                    raise
            else:
                return _own(known, wanted)
        for query in ({"q": f"{MARK}:{wanted.employee_id}"}, {"username": wanted.username, "exact": "true"}):
            found = await self._admin.a_get_users({**query, "first": 0, "max": 2, "briefRepresentation": "false"})
            if len(found) > 1:
                raise NotPossible("several accounts carry this employee's mark")
            if found:
                return _own(found[0], wanted)
        return None


def _own(user: dict[str, Any], wanted: Wanted) -> dict[str, Any]:
    """Refuse an account of that name that identity did not make: it is somebody else's."""
    if (user.get("attributes") or {}).get(MARK) != [str(wanted.employee_id)]:
        raise NotPossible(f"the name {wanted.username} belongs to another account")
    return user


def _password(wanted: Wanted) -> dict[str, Any]:
    return {"type": "password", "value": wanted.password, "temporary": wanted.password_temporary}


def _words(error: KeycloakError) -> str:
    message = error.error_message
    return (message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message))[:300]
