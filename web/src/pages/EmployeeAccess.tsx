import { Alert, Button, Input, Modal, Skeleton } from "antd";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { callMethod } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { useCan } from "@/api/me";
import { sentenceOf } from "@/app/notify";
import { enumLabel, methodOf, type DocumentMeta, type Meta, type Method } from "@/contract/meta";
import type { AccessExplanation } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { AccessAnswer, RightLine } from "@/documents/AccessAnswer";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { PermissionSelect } from "./PermissionSelect";

/** What a person may do in the chosen company, permission by permission with the roles that give it; and the answer for one. */
export function EmployeeAccess({ document, id }: { document: DocumentMeta; id: string }) {
  const method = methodOf(document, "explainAccess");
  const can = useCan();
  return method && can(method) ? <Access document={document} method={method} id={id} /> : null;
}

/** A permission; and whose document it is about, where that is asked. */
interface Question {
  permission: string;
  ownerId?: string;
  departmentId?: string;
}

function useExplanation(document: DocumentMeta, method: Method, id: string, question: Question, enabled = true) {
  return useQuery({
    queryKey: [document.key, "explainAccess", context.company, id, question],
    queryFn: () => callMethod<AccessExplanation>(method, id, { ...question }),
    enabled,
    placeholderData: keepPreviousData,
  });
}

function Access({ document, method, id }: { document: DocumentMeta; method: Method; id: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const { data, error } = useExplanation(document, method, id, { permission: "" });
  const [search, setSearch] = useState("");
  const [asked, setAsked] = useState("");
  const wanted = search.trim().toLowerCase();
  return (
    <section className="card" aria-label={t("access.title")}>
      <h2>{t("access.title")} {data && <span className="count">{t("role.count", { held: data.permissions.length, count: meta.permissions.length })}</span>}</h2>
      {problemOf({ data, error }) ? <p className="field-error" role="alert">{sentenceOf(error).title}</p> : !data ? <Skeleton active title={false} /> : (
        <>
          {data.verdict === "DISABLED" && <Alert className="note" type="warning" showIcon title={t("why.disabled")} />}
          <h3 className="section-title">{t("access.roles")}</h3>
          {data.rights.length > 0
            ? <ul className="plain-list rights">{data.rights.map((right, index) => <li key={index}><RightLine right={right} /></li>)}</ul>
            : <p className="quiet">{t("access.none")}</p>}
          <h3 className="section-title">{t("access.ask")}</h3>
          <PermissionSelect label={t("access.ask")} value={asked} onChange={setAsked} />
          <h3 className="section-title">{t("access.permissions")}</h3>
          <Input allowClear value={search} onChange={({ target }) => setSearch(target.value)} placeholder={t("role.search")} aria-label={t("access.search")} className="search-box" />
          <div className="access-groups">
            {byDocument(meta, data).map(({ title, rows }) => {
              const shown = rows.filter(({ name, label }) => !wanted || `${title} ${name} ${label}`.toLowerCase().includes(wanted));
              return shown.length > 0 && (
                <details key={title} open={wanted !== ""}>
                  <summary>{title} <span className="count">{shown.length}</span></summary>
                  <ul className="plain-list rights">
                    {shown.map(({ name, label, scope, rights }) => (
                      <li key={name}>
                        <Button type="link" size="small" onClick={() => setAsked(name)}>{label}</Button>
                        <small className="quiet">{enumLabel(meta, "Grant.Scope", scope)} · {rights.map((place) => data.rights[place].roleName).join(t("list.comma"))}</small>
                      </li>
                    ))}
                  </ul>
                </details>
              );
            })}
          </div>
        </>
      )}
      <Answer document={document} method={method} id={id} permission={asked} onClose={() => setAsked("")} />
    </section>
  );
}

/** The permissions by document, in the contract's order. */
function byDocument(meta: Meta, { permissions }: AccessExplanation) {
  const held = new Map(permissions.map((one) => [one.name, one]));
  const groups = new Map<string, { name: string; label: string; scope: string; rights: number[] }[]>();
  for (const { name, label, service, document } of meta.permissions) {
    const one = held.get(name);
    const title = `${meta.services.find((each) => each.name === service)?.title ?? service} · ${meta.documents[`${service}.${document}`]?.title ?? label.split(" · ")[0]}`;
    if (one) groups.set(title, [...(groups.get(title) ?? []), { ...one, label: label.split(" · ").at(-1) ?? name }]);
  }
  return [...groups].map(([title, rows]) => ({ title, rows }));
}

/** The answer for one permission; with an owner or a department, for a document of theirs. */
function Answer({ document, method, id, permission, onClose }: { document: DocumentMeta; method: Method; id: string; permission: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [about, setAbout] = useState<Omit<Question, "permission">>({});
  const { data, error } = useExplanation(document, method, id, { permission, ...about }, permission !== "");
  const label = (name: string) => method.requestFields?.find((field) => field.name === name)?.label ?? name;
  return (
    <Modal open={permission !== ""} onCancel={onClose} afterClose={() => setAbout({})} title={t("access.why")} footer={null}>
      {error ? <p className="field-error" role="alert">{sentenceOf(error).title}</p> : data?.permission ? <AccessAnswer answer={data} /> : <Skeleton active />}
      <h4>{t("access.about")}</h4>
      <div className="access-about">
        <div><small>{label("ownerId")}</small><ReferencePicker document="identity.employee" label={label("ownerId")} value={about.ownerId} onChange={(ownerId) => setAbout({ ...about, ownerId })} /></div>
        <div><small>{label("departmentId")}</small><ReferencePicker document="identity.department" label={label("departmentId")} value={about.departmentId} onChange={(departmentId) => setAbout({ ...about, departmentId })} /></div>
      </div>
    </Modal>
  );
}
