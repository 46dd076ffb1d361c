/**
 * The life of a form: values with a local draft behind them, errors at their fields, a save that sends only what
 * changed, and the way out of a conflict.
 */
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { context } from "@/api/context";
import { documentKey, fetchDocument, useSave } from "@/api/documents";
import { ApiError, violationsByField } from "@/api/errors";
import { useMe } from "@/api/me";
import type { DocumentMeta, Row } from "@/contract/meta";
import { fieldOf, writableFields } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { adopt, changedFields, formErrors, merge, sendable, withoutErrors, type Conflict, type Values } from "./formValues";

interface Draft {
  values: Values;
  time: string;
}

const PAUSE_MS = 500;

/** A password is never kept on the device. */
function withoutSecrets(document: DocumentMeta, values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => fieldOf(document, name)?.format !== "PASSWORD"));
}

export const asWritten = (values: Values) => values;

/** Where a draft is kept on the device. Of a record that is not saved yet: one for each company, and for each `kind` of it that a page tells apart. */
export function draftSlot(person: string, document: DocumentMeta, id: string | undefined, kind: string): string {
  return ["heyi.draft", person, document.key, ...(id ? [id] : ["new", context.company, kind])].filter(Boolean).join(".");
}

/** `prepare` leaves out what is written but not meant, such as lines still blank; it is the same function every time. */
export function useEditing(document: DocumentMeta, row: Row | undefined, initial: Values, prepare = asWritten, kind = "") {
  const meta = useMeta();
  const me = useMe();
  const client = useQueryClient();
  const save = useSave(document, true);
  const [base, setBase] = useState<Values>(row ?? initial);
  const [saved, setSaved] = useState<Row | undefined>(row);
  const [values, setDrawn] = useState<Values>(row ?? initial);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [conflict, setConflict] = useState<Conflict>();
  const [refusal, setRefusal] = useState<unknown>();
  const slot = draftSlot(me.employee.id, document, saved?.id, kind);
  const [draft, setDraft] = useState<Draft | undefined>(() => JSON.parse(localStorage.getItem(slot) ?? "null") as Draft | null ?? undefined);
  const fields = useMemo(() => writableFields(document.fields, !saved), [document, saved]);
  const dirty = useMemo(
    () => Object.keys(changedFields(sendable(meta, document.fields, base, !saved), sendable(meta, document.fields, prepare(values), !saved), document.fields)).length > 0,
    [meta, document, saved, base, values, prepare],
  );

  const latest = useRef({ values, dirty, slot });
  latest.current = { values, dirty, slot };
  useEffect(() => {
    if (!dirty) return;
    const timer = setTimeout(() => localStorage.setItem(slot, JSON.stringify({ values: withoutSecrets(document, values), time: new Date().toISOString() } satisfies Draft)), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [dirty, slot, values, document]);

  // Saves go one after the other, each upon what the one before left: `now` is that also where nothing was drawn since.
  const now = useRef<{ values: Values; base: Values; saved: Row | undefined; conflict?: Conflict }>({ values, base, saved });
  const turn = useRef<Promise<unknown>>(Promise.resolve());
  const setValues = useCallback((next: (before: Values) => Values) => {
    now.current.values = next(now.current.values);
    setDrawn(now.current.values);
  }, []);
  const standAt = useCallback((left: Row, disputed?: Conflict) => {
    Object.assign(now.current, { base: left, saved: left, conflict: disputed });
    setBase(left);
    setSaved(left);
    setConflict(disputed);
  }, []);

  const set = useCallback((name: string, value: unknown) => {
    setValues((before) => ({ ...before, [name]: value }));
    setErrors((before) => withoutErrors(before, name));
  }, [setValues]);

  const accept = useCallback((answer: Row, sent?: Values) => {
    setValues((before) => adopt(before, sent ?? before, answer, document.fields));
    localStorage.removeItem(latest.current.slot);
    setDraft(undefined);
    standAt(answer);
    setErrors({});
    setRefusal(undefined);
  }, [document, setValues, standAt]);

  const onRefused = async (error: unknown) => {
    setErrors(formErrors(violationsByField(error), document.resourceField));
    setRefusal(error);
    if (!(error instanceof ApiError) || !error.stale || !now.current.saved) return;
    const theirs = await fetchDocument<Row>(document, now.current.saved.id);
    client.setQueryData(documentKey(document, theirs.id), theirs);
    const merged = merge(now.current.base, now.current.values, theirs, fields.map(({ name }) => name));
    setValues(() => merged.values);
    standAt(theirs, merged.conflict);
    if (!merged.conflict) setRefusal(undefined);
  };

  const write = async (): Promise<Row | undefined> => {
    const { values: sent, base: before, saved: kept, conflict: disputed } = now.current;
    if (disputed) return undefined;
    const writable = sendable(meta, document.fields, prepare(sent), !kept);
    const body = kept ? changedFields(sendable(meta, document.fields, before, false), writable, document.fields) : writable;
    if (kept && Object.keys(body).length === 0) return kept;
    try {
      const answer = await save.mutateAsync({ row: kept ?? {}, values: body });
      accept(answer, sent);
      return answer;
    } catch (error) {
      await onRefused(error);
      return undefined;
    }
  };
  /** Save, after those that are under way, and give back the answer; nothing where it was refused or others' changes are to be decided about, which the page shows by itself. */
  const submit = (): Promise<Row | undefined> => {
    const outcome = turn.current.then(write);
    turn.current = outcome.catch(() => undefined); // told by the one who asked; the next does not fail with it
    return outcome;
  };

  return {
    /** Show a refusal that another call met, at the fields that it names. */
    refuse: (error: unknown) => {
      setErrors(formErrors(violationsByField(error), document.resourceField));
      setRefusal(error);
    },
    values, set, errors, setErrors, fields, dirty, saved, accept, submit, saving: save.isPending,
    refusal, clearRefusal: () => setRefusal(undefined),
    conflict,
    resolve: (name: string, value: unknown) => {
      setValues((before) => ({ ...before, [name]: value }));
      const before = now.current.conflict;
      const left = before?.fields.filter((one) => one !== name) ?? [];
      now.current.conflict = before && left.length > 0 ? { ...before, fields: left } : undefined;
      setConflict(now.current.conflict);
      if (left.length === 0) setRefusal(undefined);
    },
    draft: draft && !dirty ? draft : undefined,
    restoreDraft: () => draft && setValues(() => ({ ...base, ...draft.values, etag: base.etag })),
    discardDraft: () => {
      localStorage.removeItem(slot);
      setDraft(undefined);
    },
  };
}

export type Editing = ReturnType<typeof useEditing>;
