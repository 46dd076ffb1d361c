"""Imports at the door: templates, files that come in, rows that go back, and what no service ever hears of."""

from __future__ import annotations

import io
import uuid
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from chassis import contract, labels
from chassis.importable import columns_of, importable
from gateway import imports
from gateway.tests.bench import Bench, reason_of
from gateway.tests.test_sheets import simple
from heyi.platform.v1 import custom_fields_pb2
from heyi.platform.v1 import imports_pb2 as pb

PATH = "/v1/inventory/items"
KEY = {"Idempotency-Key": "import-key-0001"}


def keeper(bench: Bench) -> list[Any]:
    """A service that keeps what it is told."""
    told: list[Any] = []

    def create(request: Any, _: dict[str, str]) -> Any:
        told.append(request)
        return pb.ImportBatch(id=str(uuid.uuid4()), service="inventory", document_type=request.document_type)

    def add(request: Any, _: dict[str, str]) -> Any:
        told.append(request)
        state = "UPLOADED" if request.complete else "UPLOADING"
        return pb.ImportBatch(id=request.id, state=state, row_count=sum(len(one.rows) for one in told[1:]))

    bench.services.answers |= {"CreateImportBatch": create, "AddRowsImportBatch": add}
    return told


async def nothing_added(*_: Any) -> Any:
    return custom_fields_pb2.DescribeCustomFieldsResponse()


async def test_every_list_whose_documents_can_be_made_has_a_template_in_both_languages(bench: Bench) -> None:
    gateway = imports.Imports(contract.load(), bench.gateway.bindings)
    for document in importable():
        for locale in labels.LOCALES:
            content, name = await gateway.template(document, labels.load(locale), nothing_added)
            assert name.endswith(".xlsx")
            book = CalamineWorkbook.from_filelike(io.BytesIO(content))
            head = book.get_sheet_by_index(0).to_python()[0]
            about = book.get_sheet_by_index(1).to_python()
            assert len(head) == len(about) - 1 == len(columns_of(document))
            # whoever fills it in is understood, column by column
            known = imports.guess(columns_of(document))
            paths = [known[imports.folded(one.rstrip("* "))] for one in head]
            assert paths == [column.path for column in columns_of(document)]


async def test_a_template_is_found_at_its_list_s_address(bench: Bench) -> None:
    reply = await bench.http.get(f"{PATH}:importTemplate?locale=zh-CN", headers=bench.bearer())
    assert reply.status_code == 200
    assert reply.headers["content-type"].endswith("spreadsheetml.sheet")
    head = CalamineWorkbook.from_filelike(io.BytesIO(reply.content)).get_sheet_by_index(0).to_python()[0]
    assert head[:2] == ["物料编码 *", "名称 *"]
    for path in ("/v1/approval/tasks:importTemplate", "/v1/identity/account-findings:importTemplate"):
        assert reason_of(await bench.http.get(path, headers=bench.bearer())) == "NO_SUCH_ADDRESS"
    assert reason_of(await bench.http.get(f"{PATH}:importTemplate")) == "NOT_SIGNED_IN"


async def test_a_file_goes_to_its_service_row_by_row_with_its_columns_guessed(bench: Bench) -> None:
    told = keeper(bench)
    reply = await bench.http.post(
        f"{PATH}:importFile",
        params={"fileName": "../our items.xlsx"},
        content=simple(1_200),
        headers=bench.bearer() | KEY,
    )
    assert reply.status_code == 201, reply.text
    assert (reply.json()["state"], reply.json()["rowCount"]) == ("UPLOADED", 1_200)
    begun, *chunks = told
    assert [(c.position, c.header, c.field, list(c.examples)) for c in begun.columns] == [
        (1, "Code", "code", ["A-0", "A-1", "A-2"]), (2, "Name", "name", ["x", "x", "x"]),
    ]  # fmt: skip
    assert "/" not in begun.file_name
    assert [row.row_number for chunk in chunks for row in chunk.rows] == list(range(2, 1_202))
    assert [chunk.complete for chunk in chunks] == [False, False, True]
    kinds = {one.locale: dict(one.values) for one in begun.words if one.field == "kind"}
    assert (kinds["en"]["Part"], kinds["zh-CN"]["零部件"]) == ("PART", "PART")


@pytest.mark.parametrize(
    ("content", "reason", "status"),
    [
        (b"\x89PNG\r\n\x1a\n\x00", "IMPORT_FILE_KIND", 400),
        (b"Code\n", "IMPORT_FILE_EMPTY", 400),
        (b"x" * (20 * 1024 * 1024 + 1), "REQUEST_TOO_LARGE", 413),
    ],
    ids=["a picture", "a head alone", "too large"],
)
async def test_a_file_that_is_none_reaches_no_service(bench: Bench, content: bytes, reason: str, status: int) -> None:
    told = keeper(bench)
    reply = await bench.http.post(f"{PATH}:importFile?fileName=x", content=content, headers=bench.bearer() | KEY)
    assert (reason_of(reply), reply.status_code) == (reason, status)
    assert told == []


async def test_a_file_needs_a_key_and_its_caller_a_name(bench: Bench) -> None:
    keeper(bench)
    assert reason_of(await bench.http.post(f"{PATH}:importFile", content=simple(), headers=bench.bearer())) == (
        "IDEMPOTENCY_KEY_MISSING"
    )
    assert reason_of(await bench.http.post(f"{PATH}:importFile", content=simple(), headers=KEY)) == "NOT_SIGNED_IN"


async def test_rows_to_correct_come_back_as_text_with_what_to_do(bench: Bench) -> None:
    batch = str(uuid.uuid4())
    columns = [pb.ImportColumn(position=1, header="编码"), pb.ImportColumn(position=2, header="名称")]
    problems = [
        pb.ImportProblem(row_number=7, position=1, reason="IMPORT_CELL_FORMULA", facts={"value": "=HYPERLINK(1)"}),
        pb.ImportProblem(row_number=7, reason="IMPORT_IN_USE", facts={"by": "inventory.item"}),
    ]
    row = pb.ImportRow(row_number=7, cells=["=HYPERLINK(1)", "@SUM(A1)"], problems=problems)
    bench.services.answers |= {
        "GetImportBatch": lambda *_: pb.ImportBatch(id=batch, file_name="物料.xlsx", columns=columns),
        "ListImportRows": lambda *_: pb.ListImportRowsResponse(rows=[row]),
    }
    path = f"/v1/inventory/import-batches/{batch}:rowsToCorrect?locale=zh-CN"
    reply = await bench.http.get(path, headers=bench.bearer())
    assert reply.status_code == 200, reply.text
    [head, line] = CalamineWorkbook.from_filelike(io.BytesIO(reply.content)).get_sheet_by_index(0).to_python()
    assert head == ["编码", "名称", "请改正"]
    assert line[:2] == ["", "'@SUM(A1)"]
    assert line[2].splitlines()[0].startswith("编码: 此格是公式（=HYPERLINK(1)）")
    assert "已被使用（物料）" in line[2]


async def test_problems_are_said_in_the_caller_s_language(bench: Bench) -> None:
    problem = pb.ImportProblem(row_number=2, reason="IMPORT_IN_USE", facts={"by": "inventory.item"})
    bench.services.answers["ListImportProblems"] = lambda *_: pb.ListImportProblemsResponse(problems=[problem])
    path = f"/v1/inventory/import-batches/{uuid.uuid4()}/problems"
    said = {
        locale: (await bench.http.get(path, headers=bench.bearer() | {"Accept-Language": locale})).json()["problems"][0]
        for locale in labels.LOCALES
    }
    assert said["en"]["message"].startswith("It is in use (Item).")
    assert said["zh-CN"]["message"].startswith("已被使用（物料）")
