"""One PostgreSQL for the whole run; every worker finds its address in the environment."""

from __future__ import annotations

import contextlib
import os

import pytest
from hypothesis import settings

from chassis import testing_postgres

# a test may load it before `gateway.sheets` does, which says so itself
os.environ["OPENPYXL_LXML"] = "False"
# the same examples in every run, and no verdict by the clock: a busy machine is no defect
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
settings.load_profile(os.environ.get("HEYI_HYPOTHESIS", "suite"))

_open = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        os.environ[testing_postgres.VARIABLE] = _open.enter_context(testing_postgres.server())


def pytest_unconfigure(config: pytest.Config) -> None:
    _open.close()
    if not hasattr(config, "workerinput"):
        os.environ.pop(testing_postgres.VARIABLE, None)
