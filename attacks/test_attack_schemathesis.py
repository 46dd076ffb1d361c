"""The whole OpenAPI under generated requests, as nobody, as an employee and as the administrator, for 90 seconds.

Runs after the other attacks: the administrator's requests may change the demo company.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from api import sessions
from attackers import own

from infra.local import machine
from infra.local.instance import Instance

# every operation by itself, at its limits and at random; then each with what another one answered
PHASES = {"coverage": 32, "fuzzing": 24, "stateful": 24}
LONGER = float(os.environ.get("HEYI_SCHEMATHESIS", "1"))
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance,status_code_conformance"
REPORTS = machine.HOME / "reports"
# below what one caller may ask in a second, so that the answers are the suite's and not its limits'
RATES = {"nobody": "2/s", "employee": "40/s", "administrator": "40/s"}


async def attacked(instance: Instance, who: str, phase: str, headers: dict[str, str]) -> dict[str, Any]:
    """One phase as somebody; schemathesis' report."""
    folder = REPORTS / "schemathesis" / f"{who}-{phase}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    async with httpx2.AsyncClient(trust_env=False) as http:
        (folder / "openapi.json").write_bytes((await http.get(f"{instance.url}/openapi.json")).content)
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", "openapi.json", "--url", instance.url,
        "--checks", CHECKS, "--phases", phase, "--max-time", str(round(PHASES[phase] * LONGER)), "--seed", "2026",
        "--max-examples", "15", "--no-shrink", "--continue-on-failure", "--rate-limit", RATES[who],
        "--generation-database", "none", "--suppress-health-check", "all", "--request-timeout", "10",
        "--warnings", "off", "--report", "json", "--report-json-path", "report.json", "--no-color",
    ]  # fmt: skip
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder
    )
    said, _ = await process.communicate()
    (folder / "said.txt").write_bytes(said)
    assert (folder / "report.json").exists(), said.decode()[-3000:]
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


@pytest.mark.parametrize("phase", PHASES)
async def test_attack_openapi_by_schemathesis(instance: Instance, phase: str, record_property: Any) -> None:
    """No server error, and no answer that the contract does not describe."""
    async with sessions(instance, "shenjiayi", "admin") as (employee, administrator):
        who = {"nobody": {}, "employee": own(employee), "administrator": own(administrator)}
        reports = await asyncio.gather(*(attacked(instance, name, phase, headers) for name, headers in who.items()))
    made = [report["test_cases"]["generated"] for report in reports]
    record_property("attempts", sum(made))
    # the strangers' requests are few: they are rationed
    assert min(made) > 20, made
    faults = [
        f"{name}: {json.dumps(each)[:1500]}" for name, r in zip(who, reports, strict=True) for each in r["failures"]
    ]
    errors = [
        f"{name}: {json.dumps(each)[:1500]}" for name, r in zip(who, reports, strict=True) for each in r["errors"]
    ]
    assert not faults + errors, f"{len(faults)} faults, {len(errors)} errors\n" + "\n".join((faults + errors)[:25])
