"""A realm of our own for tests: it signs what it is told to, with a key that it publishes."""

from __future__ import annotations

import functools
import uuid
from typing import Any

import orjson
from joserfc import jws
from joserfc.jwk import RSAKey

from chassis import contract
from chassis.authn import ALGORITHMS, GATEWAY_CLIENT, Verifier, service_clients
from chassis.clock import Clock

ISSUER, AUDIENCE = "http://127.0.0.1:1/realms/heyi", "heyi-services"
SERVICES = {method.service for method in contract.load().methods.values()} - {"platform"}


@functools.cache
def _key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


class TestIssuer:
    """Mints tokens as the realm does."""

    __test__ = False

    def __init__(self, clock: Clock | None = None, kid: str = "k1") -> None:
        self.clock = clock or Clock()
        self.kid = kid
        self.asked = 0

    async def keys(self) -> bytes:
        """What the realm publishes; counts how often it was asked."""
        self.asked += 1
        return orjson.dumps({"keys": [_key(self.kid).as_dict(private=False)]})

    def verifier(self, **changes: Any) -> Verifier:
        """A verifier that believes this realm."""
        values: dict[str, Any] = {"fetch": self.keys, "clock": self.clock, **changes}
        return Verifier(ISSUER, AUDIENCE, service_clients(SERVICES), **values)

    def person(self, employee_id: uuid.UUID | str, /, **claims: Any) -> str:
        """An employee's token, as the gateway forwards it."""
        return self.mint(
            **{"azp": GATEWAY_CLIENT, "sub": str(employee_id), "employee_id": str(employee_id), "sid": "s1", **claims}
        )

    def service(self, name: str, /, **claims: Any) -> str:
        """A service's own token."""
        client = f"{GATEWAY_CLIENT}-service" if name == "gateway" else f"heyi-{name}"
        return self.mint(**{"azp": client, "sub": f"service-account-{client}", **claims})

    def mint(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Any token; a claim that is None is left out."""
        now = int(self.clock.now().timestamp())
        all_claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "typ": "Bearer",
            "iat": now,
            "exp": now + 120,
            "jti": str(uuid.uuid4()),
            **claims,
        }
        return self.sign({name: value for name, value in all_claims.items() if value is not None}, header)

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """Sign claims with the realm's key."""
        full = {"alg": ALGORITHMS[0], "typ": "JWT", "kid": self.kid, **(header or {})}
        registry = jws.JWSRegistry(algorithms=["PS256", "RS256"], strict_check_header=False)
        return jws.serialize_compact(
            full, orjson.dumps(claims), _key(self.kid), algorithms=["PS256", "RS256"], registry=registry
        )
