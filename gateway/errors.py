"""Refusals as callers meet them: AIP-193 JSON, with a reason for programs and a sentence for people."""

from __future__ import annotations

import re

import orjson
from google.rpc import code_pb2
from starlette.responses import Response

from chassis import errors, labels
from chassis.errors import Refused

# google.rpc.Code -> HTTP. FAILED_PRECONDITION is 400 and ABORTED 409 by AIP-193.
HTTP_STATUS = {
    0: 200, 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501,
    13: 500, 14: 503, 15: 500, 16: 401,
}  # fmt: skip
# what HTTP has a word of its own for
OWN_STATUS = {"REQUEST_TOO_LARGE": 413, "REQUEST_TOO_SLOW": 408}
_TYPE = "type.googleapis.com/google.rpc."
_UNDERSCORE = re.compile(r"_([a-z0-9])")


def camel(path: str) -> str:
    """`lines[3].unit_id` -> `lines[3].unitId`."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), path)


def body(refusal: Refused, locale: str, request_id: str) -> tuple[int, bytes]:
    """HTTP status and JSON of a refusal."""
    words = labels.load(locale)
    code = refusal.code
    status = OWN_STATUS.get(refusal.reason, HTTP_STATUS[code])
    sentence = words.sentence(refusal.reason, refusal.facts)
    details: list[dict[str, object]] = [
        {"@type": f"{_TYPE}ErrorInfo", "reason": refusal.reason, "domain": errors.DOMAIN, "metadata": refusal.facts}
    ]
    if refusal.violations:
        listed = [
            {"field": camel(path), "description": words.sentence(reason, facts), "reason": reason}
            for path, reason, facts in refusal.violations
        ]
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": listed})
        # BadRequest has no place for the facts
        told = [{"field": camel(path), "reason": reason, "facts": facts} for path, reason, facts in refusal.violations]
        details.append({"@type": "type.googleapis.com/heyi.common.v1.Violations", "violations": told})
    details.append({"@type": f"{_TYPE}LocalizedMessage", "locale": locale, "message": sentence})
    details.append({"@type": f"{_TYPE}RequestInfo", "requestId": request_id})
    error = {"code": status, "status": code_pb2.Code.Name(code), "message": sentence, "details": details}
    return status, orjson.dumps({"error": error})


def response(refusal: Refused, locale: str, request_id: str) -> Response:
    """The refusal as an answer; where waiting helps, it says how long."""
    status, content = body(refusal, locale, request_id)
    headers = {"Cache-Control": "no-store"}
    if wait := refusal.facts.get("retry_after_seconds") or ("1" if status == 503 else ""):
        headers["Retry-After"] = wait
    if status == 408:
        headers["Connection"] = "close"
    return Response(content, status, headers, media_type="application/json")
