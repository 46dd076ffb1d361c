"""The realm as code: one template, a profile laid over it, values put in. Everything a login depends on is in this
folder.

`heyi-realm.json` is the realm, `service-client.json` what every service account has in common, `token-mappers.json`
the two claims that every access token carries (`aud`, `employee_id`), `user-profile.json` which attributes a person
has (names and e-mail are never asked of them at sign-in: identity keeps the master), `profiles/` what differs between
one machine, one machine that begins empty, and production. Second factor in production: identity gives the required
action CONFIGURE_TOTP to those whom the policy names; the browser flow then asks for the code, and nobody can delete
the credential again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROFILES = ("local", "empty", "production")
VALUES = (
    "gateway_url",
    "gateway_backchannel_url",
    "gateway_secret",
    "gateway_service_secret",
    "identity_secret",
    "approval_secret",
    "procurement_secret",
    "inventory_secret",
    "documents_secret",
    "reconciler_secret",
    "admin_name",
    "admin_password",
)
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_KEYS = {"clients": "clientId", "users": "username", "requiredActions": "alias"}


def render(profile: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the realm's representation for `profile`, ready for Keycloak's import; a missing value is an error."""
    missing = [name for name in VALUES if not values.get(name)]
    if missing:
        raise ValueError(f"The realm cannot be written without: {', '.join(missing)}")
    realm = _overlay(_read("heyi-realm.json"), _read(f"profiles/{profile}.json"))
    common, mappers = _read("service-client.json"), _read("token-mappers.json")
    for client in realm["clients"]:
        if "standardFlowEnabled" not in client:
            client.update(_overlay(common, client))
        if client["clientId"].startswith("heyi-"):
            client["protocolMappers"] = mappers
    profile_text = json.dumps(_read("user-profile.json"), ensure_ascii=False)
    return dict(_fill(realm, {**values, "user_profile": profile_text}))


def _read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def _overlay(base: Any, over: Any, key: str = "") -> Any:
    """Lay `over` on `base`: objects by name, the lists named in `_KEYS` by their key, anything else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {k: _overlay(base[k], v, k) if k in base else v for k, v in over.items()}
    if isinstance(base, list) and isinstance(over, list) and key in _KEYS:
        name = _KEYS[key]
        unknown = {item[name] for item in over} - {item[name] for item in base}
        if unknown:
            raise ValueError(f"The profile names {key} that the realm does not have: {', '.join(sorted(unknown))}")
        changes = {item[name]: item for item in over}
        return [_overlay(item, changes.get(item[name], {})) for item in base]
    return over


def _fill(node: Any, values: Mapping[str, str]) -> Any:
    match node:
        case dict():
            return {k: _fill(v, values) for k, v in node.items()}
        case list():
            return [_fill(v, values) for v in node]
        case str():
            return _PLACEHOLDER.sub(lambda found: values[found[1]], node)
        case _:
            return node
