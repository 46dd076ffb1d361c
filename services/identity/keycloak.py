"""Keycloak's side of an employee: what an account should be, what it is, and the few calls that bridge the two.

Only differences of our own making are written. `compare` knows them by what both sides had when they last agreed: a
value that is neither that nor ours was changed by somebody else, and is told instead of overwritten. Where it would let
in somebody who may not, it is put right first and told afterwards.
An account is recognised by the attribute `employee_id`, which goes into the very call that makes it: a crash right
after leaves an account that the next look finds. One of the company's directory (LDAP) is taken by its name; its name,
e-mail and password are the directory's and never written.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakConnectionError, KeycloakError

MARK = "employee_id"
TIMEOUT_SECONDS = 10
NOT_FOUND, CONFLICT = 404, 409
# not this account's fault: the client's own rights or secret, or Keycloak itself
NOT_OURS = (401, 403, 429)
DIRECTORY_OWNS = ("name", "email")
# Keycloak's own record of what people did: came in, set a password that should be the directory's alone, were locked
SELF_EVENTS = ("LOGIN", "UPDATE_CREDENTIAL", "UPDATE_PASSWORD", "USER_DISABLED_BY_PERMANENT_LOCKOUT")
# who came in, left, or tried to
SIGN_IN_EVENTS = ("LOGIN", "LOGIN_ERROR", "LOGOUT", "LOGOUT_ERROR")

Values = Mapping[str, str]


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
    # which change asked for it; 0: none
    unlocking: int = 0
    second_factor_reset: int = 0

    def values(self) -> dict[str, str]:
        """As they are compared."""
        return {
            "username": self.username,
            "name": self.name,
            "email": self.email.lower(),
            "enabled": _word(self.enabled),
            "owner": str(self.employee_id),
        }


@dataclass(frozen=True)
class Known:
    """What was recorded of an account: its id, and the values on which both sides last agreed."""

    keycloak_id: str | None = None
    agreed: Values | None = None
    # what was about to be written, and whether it was nobody recorded: the process died, or lost its lease
    attempts: tuple[Values, ...] = ()


@dataclass(frozen=True)
class Difference:
    """A value that others changed; `overruled`: it let somebody in who may not, and was put right."""

    kind: str
    heyi: str
    keycloak: str
    overruled: bool = False


@dataclass(frozen=True)
class Comparison:
    """What to write, what to tell, and on what both sides agree afterwards."""

    write: frozenset[str]
    differences: tuple[Difference, ...]
    agreed: Values


@dataclass(frozen=True)
class Look:
    """What a look at an account came to; without an id it is gone."""

    keycloak_id: str | None
    agreed: Values | None
    differences: tuple[Difference, ...] = ()
    from_directory: bool = False


@dataclass(frozen=True)
class Standing:
    """What Keycloak says of an account beside what is kept in step: wrong passwords, a lock, what signs it in."""

    locked: bool
    failures: int
    last_failure: datetime.datetime | None
    second_factor: bool
    password_temporary: bool


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


def values_of(user: Mapping[str, Any]) -> dict[str, str]:
    """An account of Keycloak as it is compared."""
    return {
        "username": user["username"],
        "name": f"{user.get('firstName') or ''} {user.get('lastName') or ''}".strip(),
        "email": (user.get("email") or "").lower(),
        "enabled": _word(user.get("enabled")),
        "owner": owner_of(user),
    }


def owner_of(user: Mapping[str, Any]) -> str:
    """The employee whom an account names; empty where it names none."""
    marks = (user.get("attributes") or {}).get(MARK) or [""]
    return str(marks[0])


def compare(
    theirs: Values,
    ours: Values,
    agreed: Values | None,
    *,
    from_directory: bool,
    attempts: Sequence[Values] = (),
) -> Comparison:
    """Tell our own changes, which are written, from those of others, which are told.

    Without `agreed` nothing was ever written: all is ours to write. A value of `attempts` is ours too.
    """
    before = agreed or {}
    write, differences, after = set(), [], {}
    for name, value in theirs.items():
        wanted, known = ours[name], before.get(name)
        changed_there = known is not None and value not in (known, *(attempt.get(name) for attempt in attempts))
        let_in = name == "owner" or (name == "enabled" and wanted == "false")
        if value == wanted:
            after[name] = wanted
        elif from_directory and name in DIRECTORY_OWNS:
            if known != value:
                differences.append(Difference(name.upper(), wanted, value))
            after |= {name: known} if known is not None else {}
        elif changed_there and not let_in:
            differences.append(Difference(name.upper(), wanted, value))
            after[name] = str(known)
        else:
            if changed_there:
                differences.append(Difference(name.upper(), wanted, value, overruled=True))
            write.add(name)
            after[name] = wanted
    return Comparison(frozenset(write), tuple(differences), after)


def changes(user: Mapping[str, Any], wanted: Wanted, write: frozenset[str]) -> dict[str, Any]:
    """The account with those values as wanted and everything else as it is; attributes of others are kept."""
    attributes = dict(user.get("attributes") or {})
    if "owner" in write:
        attributes[MARK] = [str(wanted.employee_id)]
    named = {"firstName": wanted.name, "lastName": ""} if "name" in write else {}
    kept = {name: user.get(name) or "" for name in ("username", "firstName", "lastName", "email")}
    ours = {"username": wanted.username, "email": wanted.email, "enabled": wanted.enabled}
    return {
        **kept,
        "enabled": user.get("enabled"),
        **named,
        **{name: value for name, value in ours.items() if name in write},
        "attributes": attributes,
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

    async def bring_in_step(self, wanted: Wanted, known: Known) -> Look:
        """Make the account what it should be and say what others changed. Raises Unreachable or NotPossible."""
        try:
            user = await self._find(wanted, known)
            if user is None and known.keycloak_id is not None:
                return Look(None, known.agreed, (Difference("DELETED", wanted.username, ""),))
            if user is None:
                made = await self._admin.a_create_user(representation(wanted))
                return Look(str(made), wanted.values())
            return await self._write(user, wanted, known)
        except KeycloakConnectionError as error:
            raise Unreachable(f"no answer: {_words(error)}") from error
        except KeycloakError as error:
            code = error.response_code or 0
            # not found: it was there a moment ago, and the next look makes it anew
            if code in (*NOT_OURS, NOT_FOUND) or code >= 500 or not code:
                raise Unreachable(f"{code}: {_words(error)}") from error
            raise NotPossible(f"{code}: {_words(error)}") from error

    async def account(self, keycloak_id: str) -> dict[str, Any] | None:
        """One account; None where it is gone. Raises Unreachable."""
        try:
            return dict(await self._admin.a_get_user(keycloak_id))
        except KeycloakError as error:
            if error.response_code == NOT_FOUND:
                return None
            raise _unreachable(error) from error

    async def standing(self, keycloak_id: str) -> Standing | None:
        """How an account stands; None where it is gone. Raises Unreachable."""
        user = await self.account(keycloak_id)
        if user is None:
            return None
        try:
            tried = await self._admin.a_get_bruteforce_detection_status(keycloak_id)
            credentials = await self._admin.a_get_credentials(keycloak_id)
        except KeycloakError as error:
            raise _unreachable(error) from error
        failed = int(tried.get("lastFailure") or 0)
        return Standing(
            locked=bool(tried.get("disabled")),
            failures=int(tried.get("numFailures") or 0),
            last_failure=datetime.datetime.fromtimestamp(failed / 1000, datetime.UTC) if failed else None,
            second_factor=any(credential["type"] != "password" for credential in credentials),
            password_temporary="UPDATE_PASSWORD" in (user.get("requiredActions") or ()),
        )

    async def block(self, keycloak_id: str) -> None:
        """Close an account that is nobody's and take from it whom it names. Raises Unreachable."""
        user = await self.account(keycloak_id)
        if user is None:
            return
        attributes = {name: value for name, value in (user.get("attributes") or {}).items() if name != MARK}
        try:
            await self._admin.a_update_user(keycloak_id, {**user, "enabled": False, "attributes": attributes})
            await self._admin.a_user_logout(keycloak_id)
        except KeycloakError as error:
            raise _unreachable(error) from error

    async def failed_logins(self, since: datetime.date, most: int) -> list[dict[str, Any]]:
        """Sign-ins that failed since a day, newest first. Raises Unreachable."""
        return await self._events({"type": "LOGIN_ERROR", "dateFrom": since.isoformat(), "max": most})

    async def sign_ins(self, since: datetime.date, first: int, most: int) -> list[dict[str, Any]]:
        """Who signed in, out or failed to since a day, newest first, from the `first` on. Raises Unreachable."""
        query = {"type": list(SIGN_IN_EVENTS), "dateFrom": since.isoformat(), "first": first, "max": most}
        return await self._events(query)

    async def own_events(self, since: datetime.date, most: int) -> list[dict[str, Any]]:
        """What people, or Keycloak by itself, did to accounts since a day, newest first. Raises Unreachable."""
        return await self._events({"type": list(SELF_EVENTS), "dateFrom": since.isoformat(), "max": most})

    async def console_events(self, since: datetime.date, most: int) -> list[dict[str, Any]]:
        """What others than this client changed in accounts since a day, newest first. Raises Unreachable."""
        query = {"resourceTypes": "USER", "dateFrom": since.isoformat(), "max": most}
        try:
            events = await self._admin.a_get_admin_events(query)
        except KeycloakError as error:
            raise _unreachable(error) from error
        me = await self._me()
        return [event for event in events if (event.get("authDetails") or {}).get("userId") != me]

    async def _me(self) -> str:
        """The account that this client acts as, by its own token."""
        claims = await self._connection.keycloak_openid.a_decode_token(
            self._connection.token["access_token"], validate=False
        )
        return str(claims["sub"])

    async def _events(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return list(await self._admin.a_get_events(query))
        except KeycloakError as error:
            raise _unreachable(error) from error

    async def _write(self, user: Mapping[str, Any], wanted: Wanted, known: Known) -> Look:
        from_directory = bool(user.get("federationLink"))
        agreed = known.agreed
        if wanted.unlocking:
            await self._admin.a_clear_bruteforce_attempts_for_user(user["id"])
            # a permanent lock closes the account, and is no change of others any more
            agreed = None if agreed is None else {name: v for name, v in agreed.items() if name != "enabled"}
        if user["username"] != wanted.username and known.agreed is None:
            raise NotPossible(f"the account signs in as {user['username']}")
        found = compare(
            values_of(user), wanted.values(), agreed, from_directory=from_directory, attempts=known.attempts
        )
        if found.write:
            await self._admin.a_update_user(user["id"], changes(user, wanted, found.write))
        if from_directory:
            await self._leave_passwords_to_the_directory(user["id"])
        elif wanted.password is not None:
            await self._admin.a_set_user_password(user["id"], wanted.password, temporary=wanted.password_temporary)
        if wanted.second_factor_reset:
            for credential in await self._admin.a_get_credentials(user["id"]):
                if credential["type"] != "password":
                    await self._admin.a_delete_credential(user["id"], credential["id"])
        if wanted.password is not None or wanted.second_factor_reset or not wanted.enabled:
            await self._admin.a_user_logout(user["id"])
        if "enabled" in found.write and not wanted.enabled and (await self._admin.a_get_user(user["id"]))["enabled"]:
            # Keycloak writes a whole account: another write that overlaps with ours, and ends later, opens it again
            raise Unreachable("an account that was closed is open again")
        return Look(str(user["id"]), found.agreed, found.differences, from_directory)

    async def _leave_passwords_to_the_directory(self, keycloak_id: str) -> None:
        """One that Keycloak kept itself would be asked instead of the directory's, also after that one was taken."""
        for credential in await self._admin.a_get_credentials(keycloak_id):
            if credential["type"] == "password" and not credential.get("federationLink"):
                await self._admin.a_delete_credential(keycloak_id, credential["id"])

    async def _find(self, wanted: Wanted, known: Known) -> dict[str, Any] | None:
        """The employee's account: by the id that was recorded, else by the mark, else by the name it must have."""
        if known.keycloak_id is not None:
            try:
                return dict(await self._admin.a_get_user(known.keycloak_id))
            except KeycloakError as error:
                if error.response_code != NOT_FOUND:
                    raise
        marked = await self._search({"q": f"{MARK}:{wanted.employee_id}"})
        if len(marked) > 1:
            raise NotPossible("several accounts carry this employee's mark")
        if marked or known.keycloak_id is not None:
            return marked[0] if marked else None
        named = await self._search({"username": wanted.username, "exact": "true"})
        if named and (owner_of(named[0]) or not named[0].get("federationLink")):
            raise NotPossible(f"the name {wanted.username} belongs to another account")
        return named[0] if named else None

    async def _search(self, query: dict[str, str]) -> list[dict[str, Any]]:
        return list(await self._admin.a_get_users({**query, "first": 0, "max": 2, "briefRepresentation": "false"}))


def _word(enabled: Any) -> str:
    return "true" if enabled else "false"


def _password(wanted: Wanted) -> dict[str, Any]:
    return {"type": "password", "value": wanted.password, "temporary": wanted.password_temporary}


def _unreachable(error: KeycloakError) -> Unreachable:
    return Unreachable(f"{error.response_code or 'no answer'}: {_words(error)}")


def _words(error: KeycloakError) -> str:
    message = error.error_message
    return (message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message))[:300]
