"""The laws of the contract: what every message, method, event and refusal keeps to, and that every name has its words.

Read from the compiled descriptors, so that a law holds for what is served and not for how a file is written. A law that
lets something out does so by a rule, never by a list of names. More than 600 lines: all laws read the same descriptors.
"""

from __future__ import annotations

import collections
import functools
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf import descriptor_pb2

from heyi.options.v1 import options_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent
NO_SIDE_EFFECTS = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
# of a filter, in characters
LONGEST_ASKED = 4000
Field = descriptor_pb2.FieldDescriptorProto
FILE = ".google.api.HttpBody"
OUTPUT_ONLY, REQUIRED = field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.REQUIRED


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def plural(name: str) -> str:
    """`Companies`, but `CalendarDays`."""
    return re.sub(r"(?<![aeiou])y$", "ie", name) + "s"


class Contract:
    """The descriptors, by name; comments beside them."""

    def __init__(self) -> None:
        found = descriptor_pb2.FileDescriptorSet.FromString((ROOT / "gen" / "heyi.binpb").read_bytes())
        self.files = [file for file in found.file if file.package.startswith("heyi.")]
        self.messages: dict[str, Any] = {}
        self.enums: dict[str, Any] = {}
        self.comments: dict[tuple[str, tuple[int, ...]], str] = {}
        for file in self.files:
            for message in file.message_type:
                self._take(message, f".{file.package}")
            for enum in file.enum_type:
                self.enums[f".{file.package}.{enum.name}"] = enum
            for place in file.source_code_info.location:
                self.comments[file.name, tuple(place.path)] = place.leading_comments.strip()
        self.documents = {
            f"{service(file)}.{snake(message.name)}": message
            for file in self.files
            for message in file.message_type
            if message.options.HasExtension(options_pb2.document)
        }

    def _take(self, message: Any, scope: str) -> None:
        name = f"{scope}.{message.name}"
        self.messages[name] = message
        for enum in message.enum_type:
            self.enums[f"{name}.{enum.name}"] = enum
        for nested in message.nested_type:
            self._take(nested, name)

    def methods(self) -> Iterator[Any]:
        for file in self.files:
            for proto_service in file.service:
                for method in proto_service.method:
                    yield pytest.param(Method(self, file, proto_service, method), id=method.name)

    def fields(self) -> Iterator[tuple[str, Any]]:
        for name, message in self.messages.items():
            if not message.options.map_entry:
                for field in message.field:
                    yield f"{name.removeprefix('.')}.{field.name}", field


class Method:
    """One rpc with its options."""

    def __init__(self, contract: Contract, file: Any, proto_service: Any, method: Any) -> None:
        self.file, self.name = file, method.name
        self.service = service(file)
        self.full_name = f"{file.package}.{proto_service.name}/{method.name}"
        self.policy = method.options.Extensions[options_pb2.policy]
        self.reads = method.options.idempotency_level == NO_SIDE_EFFECTS
        self.request = contract.messages[method.input_type]
        self.reply = contract.messages.get(method.output_type)
        rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
        self.verb = rule.WhichOneof("pattern") or ""
        self.path, self.body = getattr(rule, self.verb) if self.verb else "", rule.body
        # where it was before
        self.earlier = [(str(r.WhichOneof("pattern")), r) for r in rule.additional_bindings]
        self.takes_a_piece = (self.body, FILE) in {(field.name, field.type_name) for field in self.request.field}
        self.file_on_record = self.reads and method.output_type == FILE and self.policy.audit

    @property
    def lists_documents(self) -> bool:
        """A list of documents: below no other one, answering with documents page by page."""
        kinds = {field.type_name for field in (self.reply.field if self.reply else ())}
        return self.name.startswith("List") and "{" not in self.path and bool(kinds & document_kinds())

    @property
    def fills_an_address(self) -> bool:
        """A read whose question is longer than an address may be."""
        return self.reads and any(spec(field).max_length > LONGEST_ASKED for field in self.request.field)

    @property
    def for_services(self) -> bool:
        """No person calls it."""
        return not (self.policy.permission or self.policy.signed_in or self.policy.public)

    @property
    def action(self) -> tuple[str, str]:
        """The document and the verb that a button for it would name; both "" where there is no document beside it."""
        kinds = [m.name for m in self.file.message_type if m.options.HasExtension(options_pb2.document)]
        if not kinds:
            return "", ""
        return kinds[0], snake(re.sub(f"({plural(kinds[0])}|{kinds[0]})$", "", self.name))

    @property
    def answers_in_clear(self) -> bool:
        """The answer is no document, whose secrets are masked, but made for showing them."""
        parts = [CONTRACT.messages.get(field.type_name) for field in (self.reply.field if self.reply else ())]
        secret = any(spec(field).sensitive for part in parts if part for field in part.field)
        return secret and not self.reads and self.name.startswith("Reveal")


def service(file: Any) -> str:
    return str(file.package.split(".")[1])


CONTRACT = Contract()
METHODS = list(CONTRACT.methods())
SERVICES = sorted({service(file) for file in CONTRACT.files} - {"options", "common"})


def document_kinds() -> set[str]:
    return {name for name, message in CONTRACT.messages.items() if message.options.HasExtension(options_pb2.document)}


def spec(field: Any) -> Any:
    return field.options.Extensions[options_pb2.field]


def behaviours(field: Any) -> set[int]:
    return set(field.options.Extensions[field_behavior_pb2.field_behavior])


def short(enum_name: str) -> str:
    """`.heyi.procurement.v1.PurchaseOrder.State` -> `PurchaseOrder.State`."""
    return re.sub(r"^\.heyi\.\w+\.v1\.", "", enum_name)


# ---- methods


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_who_may_call_it_and_only_in_one_way(method):
    ways = [bool(method.policy.permission), method.policy.signed_in, method.policy.public]
    assert sum(ways) == 1 or (not any(ways) and method.policy.services), method.full_name


@pytest.mark.parametrize("method", [m for m in METHODS if m.values[0].policy.permission])
def test_a_permission_is_service_document_and_verb(method):
    owner, document, verb = method.policy.permission.split(".")
    assert owner == method.service
    names = {snake(name.rsplit(".", 1)[-1]) for name in CONTRACT.messages if name.startswith(f".heyi.{owner}.")}
    assert document in names, "no such document"
    singular = "".join(word.capitalize() for word in document.split("_"))
    spoken = snake(re.sub(f"({plural(singular)}|{singular})$", "", method.name))
    # What only reads more of a document is allowed to whoever may read it.
    assert verb in ({spoken, "get", "list"} if method.reads else {spoken})


@pytest.mark.parametrize("method", [m for m in METHODS if m.values[0].verb])
def test_get_reads_and_everything_else_writes_unless_the_question_fills_an_address(method):
    if method.fills_an_address:
        assert (method.verb, method.body) == ("post", "*")
    else:
        assert (method.verb == "get") == method.reads
    assert method.verb in ("get", "post", "patch", "delete")


@pytest.mark.parametrize("method", [m for m in METHODS if m.values[0].earlier])
def test_an_earlier_address_reads_what_is_asked_in_a_body_now(method):
    assert method.fills_an_address
    assert [(verb, rule.get, rule.body) for verb, rule in method.earlier] == [("get", method.path, "")]


@pytest.mark.parametrize("method", METHODS)
def test_every_write_is_audited_and_carries_a_key_and_no_read_does(method):
    """No key where an answer, stored under it, holds secrets in clear, or a file's piece is known by its offset."""
    writes = not method.reads and not method.takes_a_piece
    assert method.policy.audit == (writes or method.file_on_record)
    assert method.policy.idempotency_key == (writes and not method.answers_in_clear)


@pytest.mark.parametrize("method", METHODS)
def test_creating_answers_201(method):
    assert method.policy.success_status == (201 if method.name.startswith("Create") else 0)


@pytest.mark.parametrize("method", [m for m in METHODS if m.values[0].verb])
def test_an_address_is_plain_and_bound_to_the_request(method):
    where = "{service}" if method.service == "platform" else method.service
    assert re.fullmatch(rf"/v1/{re.escape(where)}(/[a-z][a-z-]*|/{{[a-z_.]+}})+(:[a-z][A-Za-z]*)?", method.path)
    for variable in re.findall(r"{([^}]+)}", method.path):
        message = method.request
        for name in variable.split("."):
            (field,) = (field for field in message.field if field.name == name)
            message = CONTRACT.messages.get(field.type_name)
    custom = ":" in method.path and method.verb != "get"
    match method.verb:
        case "post" if not custom:
            assert method.body in {field.name for field in method.request.field}
        case "post":
            assert method.body == "*"
        case "patch":
            assert method.path.endswith(f"/{{{method.body}.id}}")
        case _:
            assert method.body == ""


def test_no_address_stands_twice():
    addresses = [(m.values[0].verb, re.sub(r"{[^}]+}", "{}", m.values[0].path)) for m in METHODS if m.values[0].path]
    assert [address for address, times in collections.Counter(addresses).items() if times > 1] == []


@pytest.mark.parametrize("method", [m for m in METHODS if m.values[0].lists_documents])
def test_a_list_is_asked_and_answered_as_every_list(method):
    asked = [field.name for field in method.request.field]
    assert asked[:5] == ["page_size", "page_token", "filter", "order_by", "search"]
    answered = [field.name for field in method.reply.field if field.name != "value_fields"]
    assert answered[1:] == ["next_page_token", "total_size", "total_size_capped", "totals"]


@pytest.mark.parametrize("method", [m for m in METHODS if m.values[0].name.startswith("BatchGet")])
def test_several_at_once_are_asked_by_ids(method):
    (ids,) = method.request.field
    assert ids.name == "ids"
    assert spec(ids).max_items == 200


@pytest.mark.parametrize("method", METHODS)
def test_a_verb_of_the_house_says_what_it_does(method):
    """Create, Get, List and Update speak for themselves; every other method has a comment."""
    if not re.match(r"(Create|Get|List|Update)(?!Links|Versions|Revisions)", method.name):
        place = next(
            (4 + 2, index, 2, number)
            for index, proto_service in enumerate(method.file.service)
            for number, rpc in enumerate(proto_service.method)
            if f"{method.file.package}.{proto_service.name}/{rpc.name}" == method.full_name
        )
        assert CONTRACT.comments.get((method.file.name, place))


# ---- messages and fields


@pytest.mark.parametrize("name", CONTRACT.documents)
def test_a_document_has_id_etag_and_times_that_the_server_owns(name):
    fields = {field.name: field for field in CONTRACT.documents[name].field}
    for needed, number in (("id", 1), ("etag", 2), ("create_time", 3), ("update_time", 4)):
        assert fields[needed].number == number
        assert OUTPUT_ONLY in behaviours(fields[needed])


@pytest.mark.parametrize("name", CONTRACT.documents)
def test_a_document_s_title_and_order_are_fields_of_it(name):
    message = CONTRACT.documents[name]
    fields = {field.name: field for field in message.field}
    option = message.options.Extensions[options_pb2.document]
    assert option.title
    assert set(option.title) <= fields.keys()
    for part in filter(None, option.default_order.split(",")):
        key, _, direction = part.strip().partition(" ")
        assert spec(fields[key]).sort, f"{key} is no order of its list"
        assert direction in ("", "desc")


def test_a_file_holds_one_document():
    for file in CONTRACT.files:
        kinds = [m.name for m in file.message_type if m.options.HasExtension(options_pb2.document)]
        assert len(kinds) <= 1, f"{file.name}: {kinds}"


def broken(law: Any) -> list[str]:
    return [name for name, field in CONTRACT.fields() if not law(field)]


def test_states_move_by_verbs_alone():
    assert broken(lambda f: not f.type_name.endswith(".State") or OUTPUT_ONLY in behaviours(f)) == []


def test_no_number_is_a_float_and_none_outgrows_javascript():
    refused = re.compile("TYPE_(DOUBLE|FLOAT|S?FIXED64|[US]?INT64)")
    assert broken(lambda f: not refused.fullmatch(Field.Type.Name(f.type))) == []


def test_amounts_prices_rates_and_quantities_are_decimal_text():
    named = re.compile(r"(.*_)?(amount|price|rate|quantity|factor)$")
    assert broken(lambda f: not named.fullmatch(f.name) or spec(f).HasField("decimal")) == []
    assert broken(lambda f: not spec(f).HasField("decimal") or f.type == Field.TYPE_STRING) == []
    assert broken(lambda f: spec(f).decimal.scale <= spec(f).decimal.precision <= 38) == []


def test_days_are_dates_and_instants_are_timestamps():
    assert broken(lambda f: f.name.endswith("_date") == (spec(f).format == options_pb2.FieldSpec.DATE)) == []
    assert broken(lambda f: f.name.endswith("_time") == (f.type_name == ".google.protobuf.Timestamp")) == []


def test_ids_are_text_and_name_documents_that_exist():
    assert broken(lambda f: not re.fullmatch(r".*_ids?|ids?", f.name) or f.type == Field.TYPE_STRING) == []
    assert broken(lambda f: not spec(f).references or spec(f).references in CONTRACT.documents) == []
    assert broken(lambda f: not f.name.endswith("_ids") or f.label == Field.LABEL_REPEATED) == []


def test_what_the_server_owns_is_not_asked_for():
    assert broken(lambda f: not {OUTPUT_ONLY, REQUIRED} <= behaviours(f)) == []
    assert broken(lambda f: not (spec(f).computed and REQUIRED in behaviours(f))) == []


def test_nothing_computed_is_filtered_or_sorted():
    assert broken(lambda f: not spec(f).computed or not (spec(f).filter or spec(f).sort)) == []


def test_extension_numbers_stand_once():
    numbers = [(x.extendee, x.number) for file in CONTRACT.files for x in file.extension]
    assert len(numbers) == len(set(numbers))


# ---- events, enums, refusals

IRREGULAR = {"withdrawn"}
EVENTS = [
    pytest.param(file, message, id=message.name)
    for file in CONTRACT.files
    for message in file.message_type
    if message.options.Extensions[options_pb2.event_subject]
]


@pytest.mark.parametrize(("file", "message"), EVENTS)
def test_an_event_says_what_happened_to_the_document_beside_it(file, message):
    evt, owner, document, participle = message.options.Extensions[options_pb2.event_subject].split(".")
    assert (evt, owner) == ("evt", service(file))
    beside = {snake(m.name) for m in file.message_type if m.options.HasExtension(options_pb2.document)}
    assert document in beside
    assert participle.endswith("ed") or participle in IRREGULAR
    assert snake(message.name) == f"{document}_{participle}"
    assert snake(message.field[0].name) == document


def test_no_subject_stands_twice():
    subjects = [message.values[1].options.Extensions[options_pb2.event_subject] for message in EVENTS]
    assert len(subjects) == len(set(subjects))


@pytest.mark.parametrize("name", [name for name in CONTRACT.enums if not name.startswith(".heyi.options.")])
def test_an_enum_begins_with_nothing(name):
    enum = CONTRACT.enums[name]
    assert enum.value[0].number == 0
    assert enum.value[0].name == f"{snake(enum.name).upper()}_UNSPECIFIED"


REFUSALS = [
    (file, index, enum)
    for file in CONTRACT.files
    for index, enum in enumerate(file.enum_type)
    if enum.name.endswith("Refusal")
]
REFUSAL_SERVICE = {value.name: service(file) for file, _, enum in REFUSALS for value in enum.value[1:]}


def facts_of() -> dict[str, set[str]]:
    """Facts of each refusal, as its comment lists them: `... Facts: number, state.`"""
    found: dict[str, set[str]] = {}
    for file, index, enum in REFUSALS:
        for number, value in enumerate(enum.value):
            comment = " ".join(CONTRACT.comments.get((file.name, (5, index, 2, number)), "").split())
            listed = re.search(r"Facts: ([a-z_, ]+)\.", comment)
            found[value.name] = {fact.strip() for fact in listed[1].split(",")} if listed else set()
            assert number == 0 or comment, f"{value.name} does not say when it is given"
    return found


def test_every_refusal_says_when_it_is_given_and_how_it_travels():
    facts_of()
    for _, _, enum in REFUSALS:
        for value in enum.value[1:]:
            assert value.options.Extensions[options_pb2.refusal].code, value.name


def test_no_refusal_stands_twice():
    names = [value.name for _, _, enum in REFUSALS for value in enum.value[1:]]
    assert [name for name, times in collections.Counter(names).items() if times > 1] == []


# ---- words: proto/labels/{en,zh-CN}/<service>.yaml

LOCALES = ("zh-CN", "en")
CATALOGS = ["common", *SERVICES]
# Nobody meets these in words.
UNSPOKEN = {"id", "etag"}


class _NoRepeats(yaml.SafeLoader):
    """Refuses a key that stands twice: the first would be lost without a word."""


def _mapping(loader: _NoRepeats, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    repeated = [key for key, times in collections.Counter(keys).items() if times > 1]
    assert not repeated, f"{node.start_mark}: twice: {repeated}"
    return loader.construct_mapping(node)


_NoRepeats.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@functools.cache
def catalog(locale: str, name: str) -> dict[str, dict[str, Any]]:
    path = ROOT / "proto" / "labels" / locale / f"{name}.yaml"
    assert path.exists(), f"proto/labels/{locale}/{name}.yaml is missing"
    return yaml.load(path.read_text("utf-8"), _NoRepeats) or {}  # noqa: S506


def entries(locale: str, name: str, section: str) -> dict[str, Any]:
    return catalog(locale, name).get(section) or {}


def known(locale: str, name: str, section: str, *keys: str) -> bool:
    """As the gateway looks it up: in the service's catalog, then in the common one."""
    return any(key in entries(locale, place, section) for place in (name, "common") for key in keys)


@functools.cache
def shown(name: str) -> dict[str, Any]:
    """Messages of a service that a screen shows: documents, what they are made of, and what verbs ask for."""
    found: dict[str, Any] = {}
    package = "." + next(file.package for file in CONTRACT.files if service(file) == name)
    if name == "common":
        kinds = {field.type_name for owner in SERVICES for message in shown(owner).values() for field in message.field}
        replies = {f".heyi.common.v1.{m.values[0].reply.name}" for m in METHODS if m.values[0].reply is not None}
        waiting = sorted(kinds | replies)
    else:
        waiting = [kind for kind in document_kinds() if kind.startswith(f"{package}.")]
        waiting += [f"{package}.{CONTRACT.messages[k].options.Extensions[options_pb2.document].facts}" for k in waiting]
    for method in (parameter.values[0] for parameter in METHODS if not parameter.values[0].for_services):
        if method.service == name and ":" in method.path and not method.path.endswith(":batchGet"):
            waiting.append(f"{package}.{method.request.name}")
        if method.service == name and method.reply is not None:
            waiting += [field.type_name for field in method.reply.field]
    while waiting:
        message = CONTRACT.messages.get(kind := waiting.pop())
        if kind.startswith(f"{package}.") and message is not None and short(kind) not in found:
            if not message.options.map_entry:
                found[short(kind)] = message
            waiting += [field.type_name for field in message.field]
    return found


def needed(name: str) -> dict[str, list[tuple[str, ...]]]:
    """What a service's catalogs must hold, by section: the keys of which one is enough."""
    kinds = shown(name)
    documents = [message.name for key, message in CONTRACT.documents.items() if key.split(".")[0] == name]
    enums = {field.type_name for message in kinds.values() for field in message.field if field.type == Field.TYPE_ENUM}
    verbs: set[tuple[str, str]] = set()
    for method in (parameter.values[0] for parameter in METHODS):
        if method.policy.permission.startswith(f"{name}."):
            _, document, verb = method.policy.permission.split(".")
            verbs.add(("".join(word.capitalize() for word in document.split("_")), verb))
        if method.service == name and ":" in method.path and not method.for_services:
            verbs.add(method.action)
    verbs = {(document, verb) for document, verb in verbs if document and not re.match("(batch|list)_", verb)}
    return {
        "services": [(name,)] if name != "common" else [],
        "documents": [(kind,) for kind, message in kinds.items() if not message.name.endswith("Request")],
        "documents_plural": [(document,) for document in documents],
        "fields": [
            (f"{kind}.{field.name}", f"*.{field.name}", field.name)
            for kind, message in kinds.items()
            for field in message.field
            if field.name not in UNSPOKEN
        ],
        "enums": [
            (f"{short(enum)}.{value.name}",)
            for enum in sorted(enums)
            if enum.startswith(f".heyi.{name}.")
            for value in CONTRACT.enums[enum].value[1:]
        ],
        "actions": [(f"{document}.{verb}", f"*.{verb}", verb) for document, verb in sorted(verbs)],
        "refusals": [(reason,) for reason, owner in REFUSAL_SERVICE.items() if owner == name],
    }


@pytest.mark.parametrize("name", CATALOGS)
def test_everything_has_its_words_in_chinese(name):
    missing = [
        f"{section}: {keys[0]}"
        for section, wanted in needed(name).items()
        for keys in wanted
        if not known("zh-CN", name, section, *keys)
    ]
    assert missing == []


@pytest.mark.parametrize("name", CATALOGS)
def test_refusals_and_plurals_have_their_words_in_english(name):
    """The rest is the name in words."""
    missing = [
        f"{section}: {keys[0]}"
        for section in ("documents_plural", "refusals")
        for keys in needed(name)[section]
        if not known("en", name, section, *keys)
    ]
    assert missing == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", CATALOGS)
def test_no_stranger_stands_in_a_catalog(locale, name):
    """Every key names something in the contract, in the service whose catalog it stands in."""
    package = next(file.package for file in CONTRACT.files if service(file) == name)
    kinds = {short(kind): message for kind, message in CONTRACT.messages.items() if kind.startswith(f".{package}.")}
    fields = {f"{kind}.{field.name}" for kind, message in kinds.items() for field in message.field}
    anywhere = {field.name for _, field in CONTRACT.fields()}
    actions = {m.values[0].action for m in METHODS} | {
        ("".join(word.capitalize() for word in document.split("_")), verb)
        for _, document, verb in (
            m.values[0].policy.permission.split(".") for m in METHODS if m.values[0].policy.permission
        )
    }

    def names_a_verb(key: str) -> bool:
        kind, _, verb = key.rpartition(".")
        if kind in ("", "*"):
            return verb in {verb for _, verb in actions}
        return kind in kinds and (kind, verb) in actions

    values = {
        f"{short(enum)}.{value.name}"
        for enum in CONTRACT.enums
        if enum.startswith(f".{package}.")
        for value in CONTRACT.enums[enum].value[1:]
    }
    laws: dict[str, Any] = {
        "services": lambda key: key in SERVICES,
        "documents": lambda key: key in kinds,
        "documents_plural": lambda key: key in kinds,
        "fields": lambda key: key in fields or key.removeprefix("*.") in anywhere,
        "enums": lambda key: key in values,
        "actions": names_a_verb,
        "action_confirm": names_a_verb,
        "permissions_group": lambda key: (
            key in CONTRACT.documents or key in {f"{name}.{snake(kind)}" for kind in kinds}
        ),
        "refusals": lambda key: REFUSAL_SERVICE.get(key) == name,
        "help": lambda key: key in kinds,
    }
    strangers = [f"section {section}" for section in catalog(locale, name).keys() - laws.keys() - {"messages"}]
    for section, law in laws.items():
        strangers += [f"{section}: {key}" for key in entries(locale, name, section) if not law(key)]
    assert strangers == []


def places(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


@pytest.mark.parametrize("name", CATALOGS)
def test_both_languages_say_the_same(name):
    """Same messages, warnings and help; same places for facts in each."""
    differing: list[str] = []
    for section in ("messages", "action_confirm", "help", "refusals", "permissions_group"):
        chinese, english = (entries(locale, name, section) for locale in LOCALES)
        differing += [f"{section}: {key}" for key in chinese.keys() ^ english.keys()]
        for key in chinese.keys() & english.keys():
            if places(str(chinese[key])) != places(str(english[key])):
                differing.append(f"{section}: {key}: {places(str(chinese[key])) ^ places(str(english[key]))}")
    assert differing == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", CATALOGS)
def test_a_refusal_says_what_is_wrong_and_what_to_do_with_facts_that_it_has(locale, name):
    facts, wrong = facts_of(), []
    for reason, words in entries(locale, name, "refusals").items():
        if (
            not isinstance(words, dict)
            or set(words) != {"message", "remedy"}
            or not all(map(str.strip, words.values()))
        ):
            wrong.append(f"{reason}: wants a message and a remedy")
        elif unknown := places(str(words)) - facts.get(reason, set()):
            wrong.append(f"{reason}: {sorted(unknown)} is none of its facts")
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", CATALOGS)
def test_words_are_text(locale, name):
    """YAML reads `no`, `1` and an empty value as something else."""
    leaves = [
        (f"{section}: {key}", leaf)
        for section in catalog(locale, name)
        for key, value in entries(locale, name, section).items()
        for leaf in (value.values() if isinstance(value, dict) else [value])
    ]
    assert [key for key, leaf in leaves if not isinstance(leaf, str) or not leaf.strip()] == []
