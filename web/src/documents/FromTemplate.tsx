import { CopyOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button, Modal, Skeleton } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { useSave } from "@/api/documents";
import { call } from "@/api/http";
import { AppLink, routeOf, useGo } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta } from "@/contract/meta";

/** A template as it is offered, and what the new document would say. */
export interface Offer {
  name: string;
  note: string;
  description: string;
  /** The document that was taken over before, where there is one. */
  thereId: string;
  values: Record<string, unknown> & { code: string };
}

/** What the product brings of these documents: each is taken over as one of the company's own, and changed there. */
export function FromTemplate<T>({ document, help, offer }: { document: DocumentMeta; help: string; offer: (template: T) => Offer }) {
  const { t } = useTranslation();
  const go = useGo();
  const [open, setOpen] = useState(false);
  const method = methodOf(document, "listTemplates")!;
  const { data, error } = useQuery({
    queryKey: [document.key, "listTemplates", context.company, context.locale],
    queryFn: ({ signal }) => call<{ templates: T[] }>("GET", method.path, { signal }),
    enabled: open,
  });
  const save = useSave(document, true);
  const take = (values: Offer["values"]) => save.mutate({ row: {}, values }, { onSuccess: (row) => go(routeOf(document, row.id)) });
  const problem = error ?? save.error;
  return (
    <>
      <Button icon={<CopyOutlined />} onClick={() => { save.reset(); setOpen(true); }}>{t("template.from")}</Button>
      <Modal open={open} title={t("template.from")} onCancel={() => setOpen(false)} footer={null}>
        <p>{help}</p>
        {problem && <p className="field-error" role="alert">{sentenceOf(problem).title}</p>}
        {!data ? !error && <Skeleton active title={false} /> : (
          <ul className="templates">
            {data.templates.map(offer).map(({ name, note, description, thereId, values }) => (
              <li key={values.code}>
                <div>
                  <h3>{name} <small className="quiet">{note}</small></h3>
                  <p className="quiet">{description}</p>
                </div>
                {thereId
                  ? <AppLink to={routeOf(document, thereId)} onClick={() => setOpen(false)}>{t("template.thereAlready")}</AppLink>
                  : <Button aria-label={t("template.takeOverNamed", { name })} loading={save.isPending && save.variables.values.code === values.code} disabled={save.isPending} onClick={() => take(values)}>{t("template.takeOver")}</Button>}
              </li>
            ))}
          </ul>
        )}
      </Modal>
    </>
  );
}
