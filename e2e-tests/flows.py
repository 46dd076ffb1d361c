"""Flows for stories, published as the product wants it: one asks, another one who may publish approves."""

from __future__ import annotations

from typing import Any

FLOWS, PUBLICATIONS = "/v1/approval/flow-definitions", "/v1/approval/flow-publications"
KEEPER = "yaowenbo"


async def published(door: Any, body: dict[str, Any], company: str = "", note: str = "") -> dict[str, Any]:
    """A new flow of the administrator that is in use."""
    admin, keeper = await door("admin"), await door(KEEPER)
    where = {"company": company} if company else {}
    flow: dict[str, Any] = await admin.call("POST", FLOWS, body, **where)
    asked = await admin.call("POST", f"{FLOWS}/{flow['id']}:publish", {"note": note}, **where)
    await keeper.call("POST", f"{PUBLICATIONS}/{asked['publicationId']}:approve", {})
    return flow


async def publication_approved(door: Any, code: str) -> None:
    """Another one who may publish approves what was asked for."""
    keeper = await door(KEEPER)
    (flow,) = (await keeper.get(FLOWS, filter=f'code = "{code}"'))["flowDefinitions"]
    wanted = f'flow_definition_id = "{flow["id"]}" AND state = "WAITING"'
    (asked,) = (await keeper.get(PUBLICATIONS, filter=wanted))["flowPublications"]
    await keeper.call("POST", f"{PUBLICATIONS}/{asked['id']}:approve", {})
