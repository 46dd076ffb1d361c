"""Files on their way in and out of an import: the template, the rows of what comes, and the rows to correct.

The services keep batches and speak in names and facts; words, in both languages, are found here. What a document's file
can hold follows from the contract, so any list whose documents can be made has all of this.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import Request

from chassis import contract, labels, telemetry, typed_fields
from chassis.contract import Contract, Message, Method
from chassis.custom_fields import COLUMN
from chassis.errors import Refused
from chassis.import_cells import folded
from chassis.importable import Column, importable, with_added
from chassis.labels import Labels
from gateway import sheets
from gateway.export import neutral
from gateway.meta import method_name, service_of, short_name
from gateway.routes import Binding
from gateway.sheets import Line
from heyi.platform.v1 import custom_fields_pb2
from heyi.platform.v1 import imports_pb2 as pb

log = telemetry.logger("gateway.imports")

TEMPLATE, FILE = "importTemplate", "importFile"
ROWS_ADDRESS = re.compile(r"/v1/([a-z]+)/import-batches/([0-9a-f-]{36}):rowsToCorrect")
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CREATE, ADD, ROWS, GET = (
    f"heyi.platform.v1.Imports/{name}"
    for name in ("CreateImportBatch", "AddRowsImportBatch", "ListImportRows", "GetImportBatch")
)
DESCRIBE = "heyi.platform.v1.CustomFields/DescribeCustomFields"
CHUNK_ROWS, CHUNK_BYTES = 500, 1_000_000
SECONDS, AT_ONCE, WAITING, EXAMPLES = 120.0, 2, 10, 3
_AS_TEXT = ("text", "reference", "enum", "choice", "range")
_NAME = re.compile(r"[^\w.\-()（）]+")

Ask = Callable[[str, Method, Message, str], Awaitable[Any]]


class Imports:
    """Knows which lists can be imported into, and reads and writes their files."""

    def __init__(self, loaded: Contract, bindings: Iterable[Binding]) -> None:
        self._methods = loaded.methods
        self._slots, self._waiting = asyncio.Semaphore(AT_ONCE), 0
        self._by_path: dict[str, str] = {}
        for binding in bindings:
            if binding.action in (TEMPLATE, FILE):
                raise contract.ContractError(f"{binding.method.full_name}: {binding.action} is the gateway's own verb")
            if method_name(binding) == "create" and binding.method.document in importable():
                self._by_path[binding.template] = str(binding.method.document)

    def find(self, path: str, action: str) -> str | None:
        """The document type that an address asks to import."""
        head, _, asked = path.rpartition(":")
        return self._by_path.get(head) if asked == action else None

    # ---- the template

    async def template(self, document: str, words: Labels, ask: Ask) -> tuple[bytes, str]:
        """An empty sheet of a type, with its columns explained; and the name to save it under."""
        content = await asyncio.to_thread(_template, document, await self.columns(document, ask), words)
        return content, f"{_text(words, 'import.templateOf', title=_plural(document, words))}.xlsx"

    async def columns(self, document: str, ask: Ask) -> Sequence[Column]:
        """What a sheet of a type can hold for the caller: also what administrators added."""
        if COLUMN not in contract.load().documents[document].message.DESCRIPTOR.fields_by_name:
            return with_added(document, ())
        service = document.split(".")[0]
        question = custom_fields_pb2.DescribeCustomFieldsRequest(service=service)
        told = await ask(service, self._methods[DESCRIBE], question, "")
        forms = {form.document_type: form.fields for form in told.forms}
        return with_added(document, forms.get(document, ()))

    # ---- what comes in

    async def take(self, document: str, request: Request, name: str, key: str, ask: Ask) -> Any:
        """Read a file and give its rows to the service that keeps the type; the batch."""
        if self._waiting >= WAITING:
            raise Refused("TOO_MANY_REQUESTS", retry_after_seconds=30)
        self._waiting += 1
        try:
            async with self._slots:
                with tempfile.NamedTemporaryFile(prefix="heyi-import-") as kept:
                    hashed = hashlib.sha256()
                    async for piece in request.stream():
                        hashed.update(piece)
                        await asyncio.to_thread(kept.write, piece)
                    await asyncio.to_thread(kept.flush)
                    try:
                        async with asyncio.timeout(SECONDS):
                            return await self._take(document, Path(kept.name), name, hashed.hexdigest(), key, ask)
                    except TimeoutError:
                        raise Refused("IMPORT_FILE_UNSAFE", why=f"{SECONDS:.0f} s") from None
        finally:
            self._waiting -= 1

    async def _take(self, document: str, path: Path, name: str, hashed: str, key: str, ask: Ask) -> Any:
        rows = sheets.lines(path)
        # its first rows decide whether there is anything: nothing is begun for a file that is none
        first: list[Line] = await asyncio.to_thread(lambda: list(itertools.islice(rows, CHUNK_ROWS)))
        head, below = first[0], first[1:]
        service, known = document.split(".")[0], await self.columns(document, ask)
        begin = pb.CreateImportBatchRequest(
            document_type=document, file_name=_NAME.sub(" ", name).strip()[-255:] or "?", file_hash=hashed,
            columns=_columns(known, head, below), words=_words(known),
        )  # fmt: skip
        batch = await ask(service, self._methods[CREATE], begin, key)
        for count in itertools.count(1):
            chunk, below = below, await asyncio.to_thread(lambda: list(itertools.islice(rows, CHUNK_ROWS)))
            parts = list(_parts(chunk))
            for at, part in enumerate(parts):
                last = not below and at == len(parts) - 1
                add = pb.AddRowsImportBatchRequest(id=batch.id, rows=part, complete=last)
                batch = await ask(service, self._methods[ADD], add, f"{key[:80]}-{count}-{at}")
            if not below:
                log.info("taken", document=document, rows=batch.row_count)
                return batch
        raise AssertionError("the last chunk returns")

    # ---- what goes back

    async def to_correct(self, service: str, batch_id: str, words: Labels, ask: Ask) -> tuple[bytes, str]:
        """The rows of a batch that need a correction, with what to do beside each; and the file's name."""
        batch = await ask(service, self._methods[GET], pb.GetImportBatchRequest(service=service, id=batch_id), "")
        request = pb.ListImportRowsRequest(id=batch_id, page_size=200)
        rows, problems = list[Any](), dict[int, list[Any]]()
        while True:
            reply = await ask(service, self._methods[ROWS], request, "")
            rows.extend(reply.rows)
            for problem in (problem for row in reply.rows for problem in row.problems):
                problems.setdefault(problem.row_number, []).append(problem)
            if not reply.next_page_token:
                break
            request.page_token = reply.next_page_token
        content = await asyncio.to_thread(_correction, batch, rows, problems, words)
        stem = batch.file_name.rsplit(".", 1)[0]
        return content, f"{_text(words, 'import.toCorrectOf', name=stem)}.xlsx"


# ---- columns


def label_of(column: Column, words: Labels) -> str:
    """How a column is headed: the field's label, of lines with the lines' own before it, of a number with its unit."""
    if column.added is not None:
        label = typed_fields.label_of(column.added, words.locale)
        return f"{label} ({column.added.unit})" if column.added.unit else label
    own = _label(column.field, words)
    return f"{_label(column.part, words)} · {own}" if column.part is not None else own


def _label(field: Any, words: Labels) -> str:
    owner = field.containing_type
    return words.field(service_of(owner), short_name(owner), field.name)


def guess(columns: Sequence[Column]) -> dict[str, str]:
    """Folded head of a column -> field: labels in every language, names as the contract and as JSON write them."""
    found: dict[str, str] = {}
    for column in columns:
        if column.added is not None:
            names = [column.path, column.added.key, *column.added.label.values()]
        else:
            names = [column.path, column.field.name, column.field.json_name]
            names += [_label(column.field, words) for words in map(labels.load, labels.LOCALES)]
        names += [label_of(column, words) for words in map(labels.load, labels.LOCALES)]
        for name in names:
            found.setdefault(folded(name), column.path)
    return found


def _columns(offered: Sequence[Column], head: Line, below: Sequence[Line]) -> list[Any]:
    known, taken, columns = guess(offered), set[str](), []
    for position, header in enumerate(head.cells, 1):
        path = known.get(folded(header.rstrip("* ＊")), "")
        field = "" if path in taken else path
        taken.add(path)
        values = (line.cells[position - 1][:60] for line in below[:20] if position <= len(line.cells))
        examples = list(itertools.islice(filter(None, values), EXAMPLES))
        if header.strip() or examples:
            columns.append(
                pb.ImportColumn(position=position, header=header.strip()[:200], field=field, examples=examples)
            )
    return columns


def _words(columns: Sequence[Column]) -> list[Any]:
    """Words that stand for values: labels of enums in every language, yes and no."""
    found = []
    for column, locale in itertools.product(columns, labels.LOCALES):
        if values := _choices(column, locale):
            found.append(pb.ImportWords(field=column.path, values=values, locale=locale))
    return found


def _choices(column: Column, locale: str) -> dict[str, str]:
    words = labels.load(locale)
    if column.kind == "enum":
        enum: Any = column.field.enum_type
        service, name = service_of(enum), short_name(enum)
        return {words.value(service, name, value.name): value.name for value in enum.values if value.number}
    if column.kind == "choice" and column.added is not None:
        return {typed_fields.label_of(one, locale): one.key for one in column.added.options if not one.retired}
    if column.kind == "bool":
        return {_text(words, "import.yes"): "true", _text(words, "import.no"): "false"}
    return {}


def _parts(lines: Sequence[Line]) -> Iterator[list[Any]]:
    """Rows as they travel, in pieces that one message can hold; one piece without rows where there are none."""
    part, size = list[Any](), 0
    for line in lines:
        row = pb.ImportRow(row_number=line.number, cells=line.cells)
        for fault in line.faults:
            row.problems.add(position=fault.position, value=fault.value, reason=fault.reason, facts=fault.facts)
        if size + row.ByteSize() > CHUNK_BYTES and part:
            yield part
            part, size = [], 0
        part.append(row)
        size += row.ByteSize()
    yield part


# ---- files


def _book(path: Path) -> Any:
    import xlsxwriter  # only a process that writes sheets carries it

    options = {"constant_memory": False, "strings_to_formulas": False, "strings_to_urls": False}
    return xlsxwriter.Workbook(str(path), options)


def _template(document: str, columns: Sequence[Column], words: Labels) -> bytes:
    """The sheet to fill in, and beside it one that explains its columns."""
    with tempfile.TemporaryDirectory(prefix="heyi-template-") as folder:
        path = Path(folder) / "template.xlsx"
        book = _book(path)
        bold, text = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "@"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet(_sheet_name(_plural(document, words)))
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            mark = " *" if column.required else ""
            width = 12 if column.kind in ("date", "int", "bool", "decimal") else 22
            # as text: a code keeps its zeros, a long number its digits
            sheet.set_column(at, at, width, text if column.kind in _AS_TEXT else None)
            sheet.write_string(0, at, neutral(label_of(column, words)) + mark, bold)
            said = list(_choices(column, words.locale))
            if said and sum(map(len, said)) + len(said) <= 255:
                sheet.data_validation(
                    1, at, sheets.MOST_ROWS, at, {"validate": "list", "source": said, "error_type": "warning"}
                )
        about = book.add_worksheet(_sheet_name(_text(words, "import.columns")))
        heads = [_text(words, f"import.{name}") for name in ("column", "required", "what", "lines")]
        for at, (head, width) in enumerate(zip(heads, (28, 10, 60, 40), strict=True)):
            about.set_column(at, at, width)
            about.write_string(0, at, head, bold)
        for at, column in enumerate(columns, 1):
            cells = [
                neutral(label_of(column, words)),
                _text(words, "import.yes") if column.required else "",
                _explained(column, words),
                _text(words, "import.line") if column.part is not None else "",
            ]
            for place, cell in enumerate(cells):
                about.write_string(at, place, cell, wrapped)
        book.close()
        return path.read_bytes()


def _explained(column: Column, words: Labels) -> str:
    """What may stand in a column."""
    spec, kind, added = column.spec, column.kind, column.added
    if kind == "reference":
        kept: Any = contract.load().documents[column.references].message.DESCRIPTOR
        title = words.document(service_of(kept), short_name(kept))
        said = _text(words, "import.kind.reference", title=title)
    elif kind in ("enum", "bool", "choice"):
        said = _text(words, "import.kind.choice", choices=" / ".join(_choices(column, words.locale)))
    elif kind == "decimal":
        scale = spec.decimal.scale if added is None else typed_fields.scale_of(added)
        said = _text(words, "import.kind.decimal", scale=str(scale))
    elif kind == "text":
        limit = spec.max_length or 200 if added is None else added.max_length or typed_fields.LENGTHS[added.kind]
        said = _text(words, "import.kind.text", limit=str(limit))
    else:
        said = _text(words, f"import.kind.{kind}")
    said += _text(words, "import.kind.several") if column.several else ""
    return said if added is None else f"{said} {added.help.get(words.locale, '')}".strip()


def _correction(batch: Any, rows: Sequence[Any], problems: Mapping[int, Sequence[Any]], words: Labels) -> bytes:
    """The caller's own rows, and in one more column what to do; cells at fault are marked."""
    width = max((column.position for column in batch.columns), default=0)
    with tempfile.TemporaryDirectory(prefix="heyi-correct-") as folder:
        path = Path(folder) / "rows.xlsx"
        book = _book(path)
        bold, text = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "@"})
        wrong = book.add_format({"num_format": "@", "bg_color": "#FFE1DE"})
        sheet = book.add_worksheet("1")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(0, width - 1), 18, text)
        sheet.set_column(width, width, 80)
        for column in batch.columns:
            sheet.write_string(0, column.position - 1, neutral(column.header), bold)
        sheet.write_string(0, width, _text(words, "import.toCorrect"), bold)
        headers = {column.position: column.header for column in batch.columns}
        for at, row in enumerate(rows, 1):
            said = problems.get(row.row_number, ())
            at_fault = {problem.position for problem in said}
            formulas = {problem.position for problem in said if problem.reason == "IMPORT_CELL_FORMULA"}
            for position, cell in enumerate(row.cells[:width], 1):
                # a formula does not come back as text: it would be taken for one that somebody meant
                shown = "" if position in formulas else neutral(cell)
                sheet.write_string(at, position - 1, shown, wrong if position in at_fault else text)
            sentences = [
                f"{headers.get(p.position, '')}: ".lstrip(": ") + words.sentence(p.reason, p.facts) for p in said
            ]
            sheet.write_string(at, width, neutral("\n".join(sentences)))
        book.close()
        return path.read_bytes()


def _plural(document: str, words: Labels) -> str:
    descriptor: Any = contract.load().documents[document].message.DESCRIPTOR
    return words.documents(service_of(descriptor), short_name(descriptor))


def _sheet_name(title: str) -> str:
    return re.sub(r"[\[\]:*?/\\']", "", title)[:31] or "1"


def _text(words: Labels, key: str, **facts: str) -> str:
    return labels.fill(str(words.find("messages", "common", key) or key), facts)
