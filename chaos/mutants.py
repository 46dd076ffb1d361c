"""`python -m chaos.mutants [name...]`: take away one guard at a time, in a copy, and see which test notices.

No switch is in the product: each mutant is a change of its source. First the named tests pass on the untouched copy;
then each mutant must make its test fail. A mutant that survives is a guard that nothing tests.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from chassis import testing_postgres

ROOT = Path(__file__).resolve().parents[1]
AT_ONCE = 2


@dataclass(frozen=True)
class Mutant:
    guard: str
    file: str
    before: str
    after: str
    test: str


MUTANTS = (
    Mutant(
        "idempotency insert",
        "chassis/runtime.py",
        "if await run(session, _CLAIM_KEY, tuple(scope[name] for name in _CLAIM_NAMES)) is not None:",
        "if await run(session, _CLAIM_KEY, tuple(scope[name] for name in _CLAIM_NAMES)) is not None or True:",
        "services/inventory/tests/test_promises.py::test_a_repeated_call_gets_the_first_answer_and_does_nothing",
    ),
    Mutant(
        "inbox insert",
        "chassis/inbox.py",
        "if claimed.scalar_one_or_none() is None:",
        "if claimed.scalar_one_or_none() is None and False:",
        "services/inventory/tests/test_promises.py::test_an_event_is_worked_on_once_however_often_it_comes",
    ),
    Mutant(
        "inbox insert of several events",
        "chassis/inbox.py",
        "if event.id not in claimed:",
        "if event.id not in claimed and False:",
        "services/procurement/tests/test_together.py::test_events_that_share_a_transaction_act_once_each_on_its_own_record",
    ),
    Mutant(
        "doubt about a notice that was never settled",
        "services/approval/notice_delivery/courier.py",
        "sa.case((DELIVERY.c.trying, 1), else_=0)",
        "0",
        "services/approval/tests/test_notice_delivery.py::"
        "test_a_process_that_dies_around_sending_leaves_a_doubt_that_is_counted",
    ),
    Mutant(
        "every address of a robot's host",
        "chassis/egress.py",
        "if not all(is_public(one) for one in found):",
        "if not any(is_public(one) for one in found):",
        "chassis/tests/test_egress.py::test_a_name_that_leads_into_the_house_is_refused_whatever_else_it_has",
    ),
    Mutant(
        "version check",
        "chassis/statements.py",
        "where=model.version < insert.excluded.version",
        "where=sa.true()",
        "services/procurement/tests/test_reactions.py::test_an_older_copy_never_replaces_a_newer",
    ),
    Mutant(
        "unique key of a requisition line",
        "services/procurement/migrations/versions/0001_initial.py",
        'unique=True,\n        postgresql_where=sa.text("active"),',
        'unique=False,\n        postgresql_where=sa.text("active"),',
        "services/procurement/tests/test_last_walls.py::test_a_requisition_line_never_stands_in_two_orders",
    ),
    Mutant(
        "scope filter",
        "chassis/call.py",
        "whole = reach.all or self.company_id in reach.companies",
        "whole = True",
        "services/procurement/tests/test_who.py::test_who_sees_and_changes",
    ),
    Mutant(
        "permission",
        "chassis/runtime.py",
        "if reach is None:\n            raise Refused("
        '"PERMISSION_MISSING", permission=rule.permission)\n        return reach',
        "return reach or EVERYTHING",
        "services/inventory/tests/test_promises.py::"
        "test_nobody_without_the_permission_passes_and_the_refusal_is_on_record",
    ),
    Mutant(
        "etag",
        "chassis/call.py",
        "if etag and etag != ids.etag_of(row.version):",
        "if False:",
        "services/inventory/tests/test_promises.py::test_of_two_who_edit_the_same_version_the_second_is_told",
    ),
    Mutant(
        "token signature",
        "chassis/authn.py",
        "signed = jws.deserialize_compact(token, key, algorithms=list(self._algorithms), registry=self._registry)\n"
        "            claims = orjson.loads(signed.payload)",
        "claims = _json(token.split('.')[1])",
        "chassis/tests/test_authn.py::test_a_changed_claim",
    ),
    Mutant(
        "audience",
        "chassis/authn.py",
        "if self._audience not in (audience if isinstance(audience, list) else [audience]):",
        "if False:",
        "chassis/tests/test_authn.py::test_a_claim_at_fault",
    ),
    Mutant(
        "cross-site request",
        "gateway/csrf.py",
        'if not same or headers.get(HEADER) != "1":',
        "if False:",
        "gateway/tests/test_calls.py::test_only_our_own_pages_may_write_with_a_cookie",
    ),
    Mutant(
        "rate limit",
        "gateway/limits.py",
        "if left < 1:",
        "if False:",
        "gateway/tests/test_limits.py::test_a_bucket_fills_again",
    ),
    Mutant(
        "size limit",
        "gateway/limits.py",
        "if read > limit:",
        "if False:",
        "gateway/tests/test_calls.py::test_a_chunked_body_is_counted_too",
    ),
    Mutant(
        "hash of what was shown",
        "services/approval/case/sight.py",
        "if content_hash == hash_for(case, hidden):",
        "if True:",
        "services/approval/tests/test_task_rpc.py::test_a_decision_about_something_else_than_was_shown_is_refused",
    ),
    Mutant(
        "hash of what was agreed to",
        "services/procurement/reactions.py",
        'if outcome == "APPROVED" and requisitions.hash_of(requisition, call) != case.content_hash:',
        "if False:",
        "services/procurement/tests/test_reactions.py::test_what_was_approved_is_what_stands_here",
    ),
    Mutant(
        "deny list",
        "chassis/policy.py",
        'if person is None or not person.active:\n            raise Refused("NOT_SIGNED_IN", why="disabled")',
        'if person is None:\n            raise Refused("NOT_SIGNED_IN", why="disabled")',
        "services/inventory/tests/test_promises.py::test_a_disabled_person_is_refused_while_the_token_still_lives",
    ),
    Mutant(
        "acknowledgement after the commit",
        "chassis/inbox.py",
        "await work_on(self.runtime, event.subject,",
        "await message.ack()\n            await work_on(self.runtime, event.subject,",
        "e2e-tests/test_exactly_once.py::test_an_event_that_could_not_be_worked_on_comes_again",
    ),
    Mutant(
        "outbox in the same transaction",
        "chassis/runtime.py",
        '            pieces.append(Piece(outbox.INSERT, {**outbox.values(call.outgoing), "at": call.now()}))\n',
        "            async with self.sessions.begin() as other:\n"
        '                told = sa.text(f"WITH {outbox.INSERT} SELECT 1")\n'
        '                await other.execute(told, {**outbox.values(call.outgoing), "at": call.now()})\n',
        "services/inventory/tests/test_promises.py::test_what_fails_before_its_commit_announces_nothing",
    ),
    Mutant(
        "sweep of what the stream forgot",
        "chassis/sweep.py",
        "missing = [event_id for event_id in published if event_id not in seen]",
        "missing = []",
        "e2e-tests/test_sweep.py::test_a_sweep_works_on_what_never_came_and_then_has_nothing_to_do",
    ),
    Mutant(
        "another request under a used key",
        "chassis/runtime.py",
        'if found.request_hash != scope["hash"]:',
        "if False:",
        "services/inventory/tests/test_promises.py::test_the_key_of_another_request_is_refused",
    ),
    Mutant(
        "refusals are on record",
        "chassis/runtime.py",
        "if refusal.code != UNAVAILABLE and (method.policy.audit or refusal.code == 7):",
        "if False:",
        "services/inventory/tests/test_promises.py::"
        "test_nobody_without_the_permission_passes_and_the_refusal_is_on_record",
    ),
    Mutant(
        "company of a call",
        "chassis/runtime.py",
        "if actor.employee_id and not self.rights().acts_for(actor.employee_id, company):",
        "if False:",
        "services/procurement/tests/test_who.py::test_a_company_that_is_not_the_callers_cannot_be_chosen",
    ),
    Mutant(
        "row-level security",
        "chassis/migrate.py",
        'f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"',
        'f"ALTER TABLE {table.name} DISABLE ROW LEVEL SECURITY"',
        "services/procurement/tests/test_last_walls.py::test_a_query_that_forgot_its_company_sees_no_row",
    ),
    Mutant(
        "trail cannot be rewritten",
        "chassis/audit_retention.py",
        'f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {app}"',
        'f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO {app}"',
        "services/procurement/tests/test_last_walls.py::test_the_trail_cannot_be_rewritten",
    ),
    Mutant(
        "rights too old to be believed",
        "chassis/policy.py",
        "return self._rights is not None and self._monotonic() - self._confirmed_at <= self._served_seconds",
        "return self._rights is not None",
        "chassis/tests/test_policy.py::test_an_answer_serves_for_120_seconds_while_identity_is_away",
    ),
    Mutant(
        "fields of the server in a new document",
        "chassis/mapping.py",
        'violations.append((where, "FIELD_READ_ONLY", {}))',
        "pass",
        "services/inventory/tests/test_promises.py::test_bad_input_is_refused_at_its_field_and_changes_nothing",
    ),
    Mutant(
        "fields of the server in a change",
        "chassis/mapping.py",
        'violations.append((name, "FIELD_READ_ONLY", {}))',
        "pass",
        "services/procurement/tests/test_sourcing_task_rpc.py::test_bad_input_is_refused",
    ),
    Mutant(
        "sensitive fields are masked",
        "chassis/mapping.py",
        "if spec.sensitive:\n        return read, masked",
        "if False:\n        return read, masked",
        "services/procurement/tests/test_supplier_rpc.py::test_account_numbers_are_masked_and_ciphertext",
    ),
    Mutant(
        "ciphertext bound to its place",
        "chassis/crypto.py",
        'return "|".join((table, column, context)).encode()',
        'return b""',
        "chassis/tests/test_crypto.py::test_a_value_moved_elsewhere_does_not_open",
    ),
    Mutant(
        "export without formulas",
        "gateway/export.py",
        "if start and _FORMULA.match(start) and not _NUMBER.fullmatch(start):",
        "if False:",
        "gateway/tests/test_export.py::test_formulas_become_text",
    ),
    Mutant(
        "export without sensitive fields",
        "gateway/export.py",
        'if spec.sensitive or kind in ("message", "map", "struct") or field.name == "etag":',
        'if kind in ("message", "map", "struct") or field.name == "etag":',
        "gateway/tests/test_export.py::test_no_sensitive_text_of_any_list_can_be_exported",
    ),
    Mutant(
        "back-channel sign-out",
        "gateway/sessions.py",
        "found = await self.end(SESSION.c.sid == sid if sid else SESSION.c.subject == subject)",
        "found: list[Session] = []",
        "gateway/tests/test_sessions.py::test_the_provider_signs_out",
    ),
    Mutant(
        "idle and old sessions",
        "gateway/sessions.py",
        "if now >= session.ends_at or idle > self._limits.session_idle:",
        "if False:",
        "gateway/tests/test_sessions.py::test_idle_and_old_sessions_end",
    ),
    Mutant(
        "session is new at sign-in",
        "gateway/sessions.py",
        "if replaced:",
        "if False:",
        "gateway/tests/test_sessions.py::test_signing_in_again_makes_a_new_session",
    ),
    Mutant(
        "journey belongs to its browser",
        "gateway/login.py",
        "same = secrets.compare_digest(attempt.state.encode(), state.encode())",
        "same = True",
        "gateway/tests/test_sessions.py::test_a_journey_belongs_to_its_browser",
    ),
    Mutant(
        "nonce of an identity token",
        "gateway/login.py",
        'if not secrets.compare_digest(str(claims.get("nonce", "")), attempt.nonce):',
        "if False:",
        "gateway/tests/test_sessions.py::test_identity_tokens_are_checked",
    ),
    Mutant(
        "only our pages follow a sign-in",
        "gateway/csrf.py",
        'if not plain or not wanted.startswith("/") or wanted.startswith("//") or "\\\\" in wanted:',
        "if not plain:",
        "gateway/tests/test_sessions.py::test_only_our_own_pages_follow_a_sign_in",
    ),
    Mutant(
        "who may know of an event",
        "gateway/live.py",
        "return reach is not None and reach.covers(event.company, event.department, event.owner)",
        "return True",
        "gateway/tests/test_live.py::test_only_those_who_may_know_are_told",
    ),
    Mutant(
        "streams of one person",
        "gateway/app.py",
        "if self.hub.streams() >= limits.streams or self.hub.streams(caller.employee_id) >= limits.streams_per_person:",
        "if self.hub.streams() >= limits.streams:",
        "gateway/tests/test_live.py::test_few_streams_per_person",
    ),
    Mutant(
        "lock of a case",
        "services/approval/task/rpc.py",
        "_DECIDED = _FOR.with_for_update(of=[Case, Task])",
        "_DECIDED = _FOR",
        "services/approval/tests/test_voters.py::test_fifty_who_press_at_once_advance_the_case_exactly_once",
    ),
    Mutant(
        "lease of accounts",
        "services/identity/keycloak_step.py",
        ".where(Account.due_at <= now, sa.or_(Account.leased_until.is_(None), Account.leased_until < busy_until))",
        ".where(Account.due_at <= now)",
        "services/identity/tests/test_account_lease.py::"
        "test_what_one_has_claimed_nobody_else_claims_before_the_lease_ends",
    ),
    Mutant(
        "right to a file",
        "services/documents/attachment/rpc.py",
        "parent = await parents.readable(call, row.document_type, str(row.document_id))\n        if not",
        'parent = Parent(None, "", True)\n        if not',
        "services/documents/tests/test_attachment_rpc.py::test_a_download_ends_with_the_right_and_each_is_on_record",
    ),
    Mutant(
        "bytes that came twice",
        "services/documents/attachment/rules.py",
        "return slice(min(received - offset, length), length)",
        "return slice(0, length)",
        "services/documents/tests/test_uploading.py::test_pieces_in_any_order_and_twice_make_the_same_file",
    ),
    Mutant(
        "numbers of another format",
        "chassis/numbering.py",
        "if (company, document) in formats or (None, document) in formats:",
        "if False:",
        "services/procurement/tests/test_purchase_requisition_rpc.py"
        "::test_numbers_follow_the_companys_format_and_none_comes_twice",
    ),
    Mutant(
        "whose opinions are printed",
        "services/approval/opinion/rpc.py",
        "            visible(reader),\n",
        "",
        "services/approval/tests/test_case_rpc.py"
        "::test_a_case_is_seen_by_whoever_asked_or_was_asked_and_administrators",
    ),
    Mutant(
        "people's tokens pass on for reads alone",
        "chassis/runtime.py",
        "passed_on = method.read_only and service is None",
        "passed_on = service is None",
        "services/documents/tests/test_passing_on.py::test_a_service_changes_nothing_in_a_person_s_name",
    ),
)


def main() -> int:
    """Run all or the named ones, two at a time; 1 when one survives."""
    chosen = [m for m in MUTANTS if not sys.argv[1:] or m.guard in sys.argv[1:]]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="heyi-mutants-") as folder, testing_postgres.server() as url:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(AT_ONCE):
            _copy(copy := Path(folder) / f"m{number}")
            copies.put(copy)
        tests = sorted({m.test for m in chosen})
        code, words = _pytest(copy, url, ["-n", str(AT_ONCE), *tests])
        if code != 0:
            print(f"the tests do not pass on the untouched source:\n{words}")
            return 1
        print(f"{len(tests)} tests pass on the untouched source ({time.monotonic() - began:.0f} s)", flush=True)

        def caught(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return _caught(mutant, copy, url)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            survived = list(pool.map(caught, chosen)).count(False)
    print(f"mutants: {survived} survived of {len(chosen)} ({time.monotonic() - began:.0f} s)")
    return 1 if survived else 0


def _copy(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.split("\0"):
        if name and not name.startswith("web/") and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    (target / "gen").symlink_to(ROOT / "gen")
    (target / ".venv").symlink_to(ROOT / ".venv")


def _caught(mutant: Mutant, copy: Path, url: str) -> bool:
    file = copy / mutant.file
    source = file.read_text()
    if source.count(mutant.before) != 1:
        print(f"  {mutant.guard:<36} SURVIVED: its words are {source.count(mutant.before)} times in {mutant.file}")
        return False
    file.write_text(source.replace(mutant.before, mutant.after))
    try:
        code, words = _pytest(copy, url, [mutant.test])
    finally:
        file.write_text(source)
    # 1: a test failed; anything else means that none was asked
    caught = code == 1 and "failed" in words and "error" not in words.splitlines()[-1]
    print(f"  {mutant.guard:<36} {'caught by' if caught else 'SURVIVED'} {mutant.test}", flush=True)
    if not caught:
        print(words[-2000:])
    return caught


def _pytest(copy: Path, url: str, tests: list[str]) -> tuple[int, str]:
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(copy / part) for part in ("", "services", "gen")),
        "PYTHONDONTWRITEBYTECODE": "1",
        testing_postgres.VARIABLE: url,
        # each copy's tests have databases of their own
        "PYTEST_XDIST_WORKER": copy.name,
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", *tests]
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
