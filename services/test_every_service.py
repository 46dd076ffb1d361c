"""What holds for every service, whatever it does: scripts and models agree, names are spelled alike, refusals exist."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest
import yaml

from chassis import contract, migrate, testing_postgres
from chassis.mapping import plan_for
from chassis.service import find
from chassis.states import allowed_actions

HERE = Path(__file__).parent
NAMES = sorted(path.parent.name for path in HERE.glob("*/service.py"))
# SQL's own words are no good names of tables: these three carry a first word more
TABLES = {"approval.case": "approval_case", "identity.grant": "role_grant"}
HEADINGS = ["Owns", "Documents and states", "Publishes", "Listens to", "Asks", "Decisions", "Run it"]


def models(name: str) -> list[tuple[str, type]]:
    """Documents of a service with their models."""
    found = []
    for document, known in contract.load().documents.items():
        if document.startswith(f"{name}."):
            model = find(name).model_of(document)
            assert model is not None, f"{document} has no model"
            assert model.__message__ is known.message
            found.append((document, model))
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_the_scripts_make_what_the_models_say(name):
    url = os.environ[testing_postgres.VARIABLE]
    service = find(name)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    database = await testing_postgres.prepare_service(url, service, f"drift_{worker}")
    owner = migrate.owner_engine(testing_postgres.at(url, database, f"{name}_owner"))
    async with owner.connect() as connection:
        left = await connection.run_sync(lambda sync: migrate.differences(service, sync))
    await owner.dispose()

    assert left == []


@pytest.mark.parametrize("name", NAMES)
def test_tables_and_folders_are_spelled_as_the_documents(name):
    for document, model in models(name):
        short = document.split(".")[1]
        assert model.__tablename__ == TABLES.get(document, short)
        assert (HERE / name / short / "model.py").exists(), f"{document} has no folder of its name"


@pytest.mark.parametrize("name", NAMES)
def test_every_message_has_a_plan_and_every_state_is_in_the_contract(name):
    for _, model in models(name):
        plan_for(model)
        if not model.__transitions__:
            continue
        states = model.__message__.DESCRIPTOR.enum_types_by_name["State"].values_by_name
        for (state, action), following in model.__transitions__.items():
            assert {state, following} <= set(states)
            assert re.fullmatch(r"[a-z_]+", action)


@pytest.mark.parametrize("name", NAMES)
def test_every_action_of_a_table_has_a_permission(name):
    permissions = set(contract.load().permissions())
    for document, model in models(name):
        signed_in = {m.name for m in contract.load().methods.values() if m.policy.signed_in}
        for _, action in model.__transitions__:
            verb = "".join(word.capitalize() for word in action.split("_"))
            known = f"{document}.{action}" in permissions or any(m.startswith(verb) for m in signed_in)
            assert known, f"{document}.{action} is in no policy"


@pytest.mark.parametrize("name", NAMES)
def test_every_refusal_in_the_code_is_in_the_contract(name):
    known = contract.load().refusals
    for file in (HERE / name).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            first = node.args[0]
            if called in ("Refused", "refused") and isinstance(first, ast.Constant):
                assert first.value in known, f"{file}:{node.lineno} refuses with {first.value}"


def test_amounts_are_rounded_in_one_place():
    """Decimal rounds half to even where nobody says otherwise; chassis.money does. Up or down is another matter."""
    for file in HERE.rglob("*.py"):
        if "tests" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            place = f"{file}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "quantize":
                said = any(word.arg == "rounding" for word in node.keywords)
                assert said or ast.unparse(node.func) == "money.quantize", f"{place} rounds half to even"
            if isinstance(node, ast.ImportFrom) and node.module == "decimal":
                assert not [one for one in node.names if one.name.startswith("ROUND_HALF")], place


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_has_the_headings_that_every_readme_has(name):
    found = re.findall(r"^## (.+)$", (HERE / name / "README.md").read_text(), re.M)
    assert [heading for heading in found if heading in HEADINGS] == HEADINGS


def test_a_state_without_a_way_out_offers_nothing():
    class Done:
        state = "DONE"
        __transitions__ = {("OPEN", "close"): "DONE"}

    assert allowed_actions(Done()) == []


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_a_history_has_words_for_whatever_happens_by_itself(name, locale):
    """Times that came, events that moved a document, passes over what is under way. Copies have no history."""
    service = find(name)
    heard = {
        subject
        for subject, reactions in service.reactions.items()
        if any(not one.react.__module__.endswith(".copies") for one in reactions)
    }
    code = "".join(path.read_text("utf-8") for path in (HERE / name).rglob("*.py"))
    by_itself = {*service.timers, *heard, *re.findall(r'^METHOD = "(.+)"$', code, re.MULTILINE)}
    catalog = yaml.safe_load((HERE.parent / "proto" / "labels" / locale / f"{name}.yaml").read_text("utf-8"))
    words = {key for key in catalog.get("messages", {}) if key.startswith("history.")}
    assert words == {f"history.{one}" for one in by_itself}
