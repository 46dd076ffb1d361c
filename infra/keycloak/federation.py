"""The company's own directory (LDAP) and sign-in provider (OpenID Connect), put into a realm from settings.

    HEYI_LDAP_URL            ldaps://ldap.example.com, or ldap:// with HEYI_LDAP_START_TLS=on; in clear here only
    HEYI_LDAP_BASE           where the people are: ou=people,dc=example,dc=com
    HEYI_LDAP_BIND_DN, HEYI_LDAP_BIND_PASSWORD   who looks there; neither: anonymously
    HEYI_LDAP_CA             file with the directory's authority, where the machine does not trust it already
    HEYI_LDAP_VENDOR         other (default) or ad
    HEYI_LDAP_USERNAME, _NAME, _EMAIL, _UUID, _CLASSES, _FILTER   attributes, where they are not the vendor's usual ones
    HEYI_BROKER_ISSUER, HEYI_BROKER_CLIENT_ID, HEYI_BROKER_SECRET
    HEYI_BROKER_NAME         what the button says
    HEYI_BROKER_CLAIM        claim with the sign-in name, which the company sets and nobody chooses (preferred_username)

Applying them again changes nothing, and what is not set any more is taken out. The directory is never written:
Keycloak asks it for passwords and keeps `employee_id` beside the entry (edit mode UNSYNCED; READ_ONLY would refuse that
mark). A first sign-in through the provider is linked to the account of that name, and to no other: nobody is made.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

DIRECTORY, BROKER, FLOW = "heyi-directory", "company", "heyi first broker login"
STORAGE = "org.keycloak.storage.UserStorageProvider"
MAPPER = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
HERE = ("127.0.0.1", "localhost", "[::1]")
# an entry that was changed or removed is noticed within a minute
CACHED_MILLISECONDS, PATIENCE_MILLISECONDS = 60_000, 3_000
USUAL = {
    "other": {"username": "uid", "name": "cn", "email": "mail", "uuid": "entryUUID", "classes": "inetOrgPerson"},
    "ad": {
        "username": "sAMAccountName",
        "name": "displayName",
        "email": "mail",
        "uuid": "objectGUID",
        "classes": "person, organizationalPerson, user",
    },
}


@dataclass(frozen=True)
class Directory:
    """Where people and their passwords are."""

    url: str
    base: str
    bind_dn: str
    bind_password: str = field(repr=False)
    start_tls: bool
    vendor: str
    username: str
    name: str
    email: str
    uuid: str
    classes: str
    filter: str


@dataclass(frozen=True)
class Broker:
    """Where people sign in instead."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    name: str
    claim: str


@dataclass(frozen=True)
class Federation:
    """What a realm is joined to; nothing where a part is None."""

    directory: Directory | None = None
    broker: Broker | None = None

    def digest(self, key: str) -> str:
        """By what it is known whether a realm has these settings; says nothing about the secrets in them."""
        if self == Federation():
            return ""
        return hmac.new(key.encode(), json.dumps(asdict(self)).encode(), hashlib.sha256).hexdigest()


def read(env: Mapping[str, str]) -> Federation:
    """The settings of an environment. Raises ValueError with the name of what is missing or not safe."""
    return Federation(_directory(env), _broker(env))


def _directory(env: Mapping[str, str]) -> Directory | None:
    if not (url := env.get("HEYI_LDAP_URL", "")):
        return None
    start_tls = env.get("HEYI_LDAP_START_TLS", "off") == "on"
    scheme, _, place = url.partition("://")
    if scheme not in ("ldap", "ldaps") or not place:
        raise ValueError("HEYI_LDAP_URL is not an address that begins with ldaps:// or ldap://.")
    if scheme == "ldap" and not start_tls and urllib.parse.urlsplit(url).hostname not in HERE:
        raise ValueError("HEYI_LDAP_URL would send passwords in clear: use ldaps://, or HEYI_LDAP_START_TLS=on.")
    vendor = env.get("HEYI_LDAP_VENDOR", "other")
    if vendor not in USUAL:
        raise ValueError(f"HEYI_LDAP_VENDOR is one of: {', '.join(USUAL)}.")
    bind_dn, password = env.get("HEYI_LDAP_BIND_DN", ""), env.get("HEYI_LDAP_BIND_PASSWORD", "")
    if bool(bind_dn) != bool(password):
        raise ValueError("HEYI_LDAP_BIND_DN and HEYI_LDAP_BIND_PASSWORD belong together.")
    usual = {name: env.get(f"HEYI_LDAP_{name.upper()}") or value for name, value in USUAL[vendor].items()}
    return Directory(
        url=url, base=_needed(env, "HEYI_LDAP_BASE"), bind_dn=bind_dn, bind_password=password, start_tls=start_tls,
        vendor=vendor, filter=env.get("HEYI_LDAP_FILTER", ""), **usual,
    )  # fmt: skip


def _broker(env: Mapping[str, str]) -> Broker | None:
    if not (issuer := env.get("HEYI_BROKER_ISSUER", "").rstrip("/")):
        return None
    parts = urllib.parse.urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in HERE:
        raise ValueError("HEYI_BROKER_ISSUER is not an https:// address.")
    return Broker(
        issuer=issuer, client_id=_needed(env, "HEYI_BROKER_CLIENT_ID"), secret=_needed(env, "HEYI_BROKER_SECRET"),
        name=_needed(env, "HEYI_BROKER_NAME"), claim=env.get("HEYI_BROKER_CLAIM") or "preferred_username",
    )  # fmt: skip


def _needed(env: Mapping[str, str], name: str) -> str:
    if not (value := env.get(name)):
        raise ValueError(f"{name} is missing.")
    return value


def component(directory: Directory, realm_id: str) -> dict[str, Any]:
    """Keycloak's federation with the directory."""
    config = {
        "enabled": "true",
        "priority": "0",
        "editMode": "UNSYNCED",
        "importEnabled": "true",
        "syncRegistrations": "false",
        "vendor": directory.vendor,
        "connectionUrl": directory.url,
        "startTls": "true" if directory.start_tls else "false",
        "useTruststoreSpi": "always",
        "authType": "simple" if directory.bind_dn else "none",
        "bindDn": directory.bind_dn,
        "bindCredential": directory.bind_password,
        "usersDn": directory.base,
        "searchScope": "2",
        "usernameLDAPAttribute": directory.username,
        "rdnLDAPAttribute": directory.username if directory.vendor == "other" else "cn",
        "uuidLDAPAttribute": directory.uuid,
        "userObjectClasses": directory.classes,
        "customUserSearchFilter": directory.filter,
        "pagination": "true",
        "trustEmail": "false",
        "validatePasswordPolicy": "false",
        "allowKerberosAuthentication": "false",
        "connectionPooling": "true",
        "connectionTimeout": str(PATIENCE_MILLISECONDS),
        "readTimeout": str(PATIENCE_MILLISECONDS),
        "cachePolicy": "MAX_LIFESPAN",
        "maxLifespan": str(CACHED_MILLISECONDS),
        "fullSyncPeriod": "-1",
        "changedSyncPeriod": "-1",
    }
    return {
        "name": DIRECTORY,
        "providerId": "ldap",
        "providerType": STORAGE,
        "parentId": realm_id,
        "config": {name: [value] for name, value in config.items() if value},
    }


def provider(broker: Broker, endpoints: Mapping[str, str]) -> dict[str, Any]:
    """Keycloak's identity provider; `endpoints` as the issuer publishes them."""
    own = {
        "clientId": broker.client_id,
        "clientSecret": broker.secret,
        "clientAuthMethod": "client_secret_post",
        "defaultScope": "openid profile",
        "syncMode": "IMPORT",
        "pkceEnabled": "true",
        "pkceMethod": "S256",
        "validateSignature": "true",
        "useJwksUrl": "true",
    }
    return {
        "alias": BROKER,
        "providerId": "oidc",
        "displayName": broker.name,
        "enabled": True,
        "trustEmail": False,
        "storeToken": False,
        "linkOnly": False,
        "firstBrokerLoginFlowAlias": FLOW,
        "config": {**endpoints, **own},
    }


class Administrator:
    """A service account of the master realm that may change every realm."""

    def __init__(
        self, url: str, client: str, secret: str, *, realm: str = "heyi", context: ssl.SSLContext | None = None
    ) -> None:
        self._url, self._client, self._secret, self._context = url.rstrip("/"), client, secret, context
        self._base = "/".join(filter(None, (f"{self._url}/admin/realms", realm)))

    def of(self, realm: str) -> Administrator:
        """The same, in another realm; of none: of their list."""
        return Administrator(self._url, self._client, self._secret, realm=realm, context=self._context)

    def leave(self) -> None:
        """Delete the service account itself."""
        master = self.of("master")
        for client in master.ask("GET", f"/clients?{urllib.parse.urlencode({'clientId': self._client})}"):
            master.ask("DELETE", f"/clients/{client['id']}")

    def _token(self) -> str:
        """A new one for each request: they live a minute, and know only the realms that were there before them."""
        form = {"grant_type": "client_credentials", "client_id": self._client, "client_secret": self._secret}
        address = f"{self._url}/realms/master/protocol/openid-connect/token"
        data = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(address, data, timeout=30, context=self._context) as answer:
            return str(json.load(answer)["access_token"])

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, read; None where there is none or nothing of that name. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            if refusal.code == 404 and method == "GET":
                return None
            said = refusal.read().decode("utf-8", "replace")[:300]
            raise ValueError(f"Keycloak refused {method} {path.split('?')[0]} with {refusal.code}: {said}") from None
        return json.loads(text) if text else None


def apply(admin: Administrator, federation: Federation) -> None:
    """Bring the realm to these settings, whatever it had before."""
    _apply_directory(admin, federation.directory)
    _apply_broker(admin, federation.broker)


def _apply_directory(admin: Administrator, directory: Directory | None) -> None:
    realm_id = admin.ask("GET", "")["id"]
    found = admin.ask("GET", f"/components?{urllib.parse.urlencode({'name': DIRECTORY, 'type': STORAGE})}")
    if directory is None:
        for one in found:
            # the accounts stay, and become Keycloak's own
            admin.ask("POST", f"/user-storage/{one['id']}/unlink-users")
            admin.ask("DELETE", f"/components/{one['id']}")
        return
    wanted = component(directory, realm_id)
    if found:
        admin.ask("PUT", f"/components/{found[0]['id']}", {**wanted, "id": found[0]["id"]})
    else:
        admin.ask("POST", "/components", wanted)
        found = admin.ask("GET", f"/components?{urllib.parse.urlencode({'name': DIRECTORY, 'type': STORAGE})}")
    sources = {"first name": directory.name, "email": directory.email}
    mappers = urllib.parse.urlencode({"parent": found[0]["id"], "type": MAPPER})
    for mapper in admin.ask("GET", f"/components?{mappers}"):
        if mapper["name"] == "last name":
            admin.ask("DELETE", f"/components/{mapper['id']}")
        elif source := sources.get(mapper["name"]):
            # asked of the directory each time: who changes it in Keycloak changes nothing
            config = {"ldap.attribute": [source], "always.read.value.from.ldap": ["true"], "read.only": ["true"]}
            mapper["config"] |= {**config, "is.mandatory.in.ldap": ["false"]}
            admin.ask("PUT", f"/components/{mapper['id']}", mapper)


def _apply_broker(admin: Administrator, broker: Broker | None) -> None:
    there = admin.ask("GET", f"/identity-provider/instances/{BROKER}")
    if broker is None:
        if there is not None:
            admin.ask("DELETE", f"/identity-provider/instances/{BROKER}")
        return
    _make_flow(admin)
    published = {"providerId": "oidc", "fromUrl": f"{broker.issuer}/.well-known/openid-configuration"}
    wanted = provider(broker, admin.ask("POST", "/identity-provider/import-config", published))
    if there is None:
        admin.ask("POST", "/identity-provider/instances", wanted)
    else:
        admin.ask("PUT", f"/identity-provider/instances/{BROKER}", {**wanted, "internalId": there["internalId"]})
    mappers = f"/identity-provider/instances/{BROKER}/mappers"
    for mapper in admin.ask("GET", mappers):
        admin.ask("DELETE", f"{mappers}/{mapper['id']}")
    template = {"template": f"${{CLAIM.{broker.claim} | lowercase}}", "target": "LOCAL", "syncMode": "INHERIT"}
    kind = {"name": "sign-in name", "identityProviderMapper": "oidc-username-idp-mapper"}
    admin.ask("POST", mappers, {**kind, "identityProviderAlias": BROKER, "config": template})


def _make_flow(admin: Administrator) -> None:
    """At the first sign-in: find the account of that name, link it; where there is none, refuse."""
    if any(flow["alias"] == FLOW for flow in admin.ask("GET", "/authentication/flows")):
        return
    head = {"alias": FLOW, "providerId": "basic-flow", "topLevel": True, "builtIn": False}
    admin.ask("POST", "/authentication/flows", {**head, "description": "Links an account that is there"})
    steps = f"/authentication/flows/{urllib.parse.quote(FLOW)}/executions"
    for authenticator in ("idp-detect-existing-broker-user", "idp-auto-link"):
        admin.ask("POST", f"{steps}/execution", {"provider": authenticator})
    for step in admin.ask("GET", steps):
        admin.ask("PUT", steps, {**step, "requirement": "REQUIRED"})
