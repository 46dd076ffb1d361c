"""The services asked past the gateway: nobody is answered without a token of this realm, for these services, and a
service's own token opens what the contract names it for."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from api import Direct, Session, direct, service_token

from chassis import contract
from chassis.contract import Method
from infra.local.instance import SERVICES

KINDS = ["none", "empty", "garbage", "tampered", "expired", "unsigned", "own key", "wrong audience"]


def every_rpc() -> list[tuple[Method, str]]:
    """Every method with each service that hosts it."""
    methods = contract.load().methods.values()
    return [(m, target) for m in methods for target in ((m.service,) if m.service in SERVICES else SERVICES)]


@pytest.fixture(scope="module")
async def tokens(instance: Any) -> dict[str, Any]:
    """Real tokens of the requester."""
    session = await Session.of(instance, "shenjiayi")
    found = await session.tokens()
    await session.close()
    return found


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def forged(kind: str, tokens: dict[str, Any]) -> str | None:
    """What a stranger might send."""
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    head, claims, signature = str(tokens["access_token"]).split(".")
    match kind:
        case "none":
            return None
        case "empty":
            return ""
        case "garbage":
            return "not.a.token"
        case "tampered":
            other = decoded(claims) | {"employee_id": "00000000-0000-7000-8000-000000000001"}
            return f"{head}.{encoded(other)}.{signature}"
        case "expired":
            return f"{head}.{encoded(decoded(claims) | {'iat': 1_700_000_000, 'exp': 1_700_000_120})}.{signature}"
        case "unsigned":
            return f"{encoded(decoded(head) | {'alg': 'none'})}.{claims}."
        case "own key":
            return jwt.encode(decoded(head), decoded(claims), RSAKey.generate_key(2048), algorithms=["PS256"])
        case "wrong audience":
            # signed by this realm for this very person, but meant for the gateway alone
            assert decoded(tokens["id_token"].split(".")[1])["aud"] == "heyi-gateway"
            return str(tokens["id_token"])
    raise ValueError(kind)


async def answers(rpcs: list[tuple[Method, str]], ask: Callable[..., Awaitable[Any]]) -> dict[str, Any]:
    got = await asyncio.gather(*(ask(method, target=target) for method, target in rpcs))
    return {f"{target}: {method.full_name}": answer for (method, target), answer in zip(rpcs, got, strict=True)}


@pytest.mark.parametrize("kind", KINDS)
async def test_api_direct_grpc_without_a_valid_token(instance: Any, tokens: Any, kind: str) -> None:
    """Every RPC of every service answers UNAUTHENTICATED, before it looks at anything else."""
    token, rpcs = forged(kind, tokens), every_rpc()
    assert len(rpcs) > 150
    async with direct(instance) as services:
        found = await answers(rpcs, lambda method, target: services.ask(method, token, target=target))
    assert {name: answer for name, answer in found.items() if answer != ("UNAUTHENTICATED", "NOT_SIGNED_IN")} == {}


async def test_api_direct_grpc_services_only(instance: Any, tokens: Any) -> None:
    """What only services may ask is refused to people; the same token is good for what people may ask."""
    token = tokens["access_token"]
    private = [(m, t) for m, t in every_rpc() if m.policy.services and not (m.policy.permission or m.policy.signed_in)]
    assert {m.name for m, _ in private} >= {"GetAuthorization", "SimulateCases"}
    async with direct(instance) as services:
        found = await answers(private, lambda method, target: services.ask(method, token, target=target))
        assert set(found.values()) == {("PERMISSION_DENIED", "SERVICES_ONLY")}, found
        assert await me(services, token) == ("OK", "")


async def test_api_direct_grpc_person_without_permission(instance: Any, tokens: Any) -> None:
    """A person's good token opens nothing that the person may not do."""
    wanted = ("CreateEmployee", "CreateRole", "CreateGrant", "PublishFlowDefinition", "CreateSupplier", "CreateItem")
    rpcs = [(m, t) for m, t in every_rpc() if m.name in wanted]
    async with direct(instance) as services:
        found = await answers(rpcs, lambda method, target: services.ask(method, tokens["access_token"], target=target))
    assert len(found) == len(wanted)
    assert set(found.values()) == {("PERMISSION_DENIED", "PERMISSION_MISSING")}, found


# what a service may ask of another, by its account: everything else is refused to it
DIRECTORY, PREVIEW = "heyi.identity.v1.Directory/GetAuthorization", "heyi.approval.v1.Cases/SimulateCases"
PAPER = {"heyi.identity.v1.PrintTemplates/FindPrintTemplate", "heyi.approval.v1.Opinions/FindOpinions"}
FORESEE = "heyi.approval.v1.Cases/ForeseeCases"
GONE = "heyi.platform.v1.Records/ListGone"
FIND = {f"heyi.platform.v1.Imports/{name}" for name in ("FindNamed", "FindReferences")}
EVENTS, HELD = "heyi.platform.v1.Records/ListEvents", "heyi.platform.v1.Records/ListHeld"
OPEN = {
    "identity": {DIRECTORY, HELD, FORESEE} | PAPER | FIND,
    "approval": {DIRECTORY, EVENTS} | PAPER | FIND,
    "procurement": {DIRECTORY, EVENTS, PREVIEW} | PAPER | FIND,
    "inventory": {DIRECTORY} | PAPER | FIND,
    "documents": {DIRECTORY, GONE} | PAPER,
    "gateway": {DIRECTORY, "heyi.identity.v1.ApiKeys/UseApiKey"} | PAPER,
    # it may say what it found, and is told nothing
    "reconciler": {f"heyi.identity.v1.ConsistencyRuns/{verb}ConsistencyRun" for verb in ("Start", "Report", "Record")},
}


@pytest.mark.parametrize("owner", OPEN)
async def test_attack_service_account_asks_for_more(instance: Any, owner: str) -> None:
    """A service's own token opens what is written above and nothing else: no document, no write, nobody's rights."""
    async with httpx2.AsyncClient(trust_env=False) as http, direct(instance) as services:
        token, rpcs = await service_token(instance, owner, http), every_rpc()
        found = await asyncio.gather(*(services.ask(method, token, target=target) for method, target in rpcs))
    refused = {"PERMISSION_DENIED", "UNAUTHENTICATED"}
    opened = {method.full_name for (method, _), (status, _) in zip(rpcs, found, strict=True) if status not in refused}
    assert opened == OPEN[owner]
    assert {reason for status, reason in found if status in refused} <= {"PERMISSION_MISSING", "NOT_SIGNED_IN"}


async def me(services: Direct, token: str) -> tuple[str, str]:
    return await services.ask(contract.load().methods["heyi.identity.v1.Directory/GetMe"], token)
