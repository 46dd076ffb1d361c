"""What is written down agrees with what runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from approval.engine import tree
from approval.engine.tree import read
from chassis import migrate

SERVICE = Path(__file__).resolve().parents[1]


def test_the_flow_in_the_readme_is_a_good_one_and_every_word_of_the_format_is_explained():
    text = (SERVICE / "README.md").read_text("utf-8")
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None

    flow, problems = read(json.loads(example[1]))

    assert flow is not None, problems
    words = {*tree.KEYS, *tree.RULES, *tree.VOTES, *tree.WHEN_EMPTY, *tree.SAME_APPROVER, *tree.INITIATOR, *tree.THEN}
    words |= set().union(*tree.KEYS.values(), *tree.RULES.values())
    assert [word for word in words if word not in text] == []


def test_every_message_key_has_its_words():
    """Keys that are not in the contract, so that no contract test misses them."""
    sources = [path.read_text("utf-8") for path in SERVICE.rglob("*.py") if "tests" not in path.parts]
    used = {key for text in sources for key in re.findall(r'"((?:approver|task|notice|step|opinion)\.[a-z_]+)"', text)}
    used = used - {"task.id", "notice.id"} | {"task.case_rejected", "task.case_returned"}
    for locale in ("en", "zh-CN"):
        catalog = SERVICE.parents[1] / "proto" / "labels" / locale / "approval.yaml"
        messages = yaml.safe_load(catalog.read_text("utf-8"))["messages"]
        # what a history says is asked for by what happened, see `services/test_every_service.py`
        assert used == {key for key in messages if not key.startswith("history.")}


async def test_the_migrations_leave_the_tables_as_the_models_say(service):
    engine = migrate.owner_engine(service.owner_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(lambda sync: migrate.differences(service.service, sync)) == []
    await engine.dispose()
