import { PrinterOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button, Drawer, Dropdown, Grid, Segmented, Select, Skeleton, type MenuProps } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { useList } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { fetchFile, queryText } from "@/api/http";
import { LOCALES } from "@/app/i18n";
import type { DocumentMeta, Row } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { PageProblem } from "./PageProblem";

export interface PrintTemplate extends Row {
  name: string;
  documentType: string;
  preferred: boolean;
  revision: number;
}

/** What is chosen in place of a template. */
const STANDARD = "standard";

/** The address of a document's PDF, as a template or the standard layout has it. */
export function printAddress(document: DocumentMeta, id: string, template: string, locale: string = context.locale): string {
  const how = template === STANDARD ? { standard: true } : { templateId: template };
  return `/v1/${document.service}/prints/${document.key}/${id}${queryText({ ...how, company: context.company, locale })}`;
}

/** Print a document: the PDF beside the page, as one of the company's templates arranges it, or the page as it is. */
export function PrintButton({ document, row }: { document: DocumentMeta; row: Row }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const items: MenuProps["items"] = [
    { key: "document", label: t("print.document"), onClick: () => setOpen(true) },
    { key: "page", label: t("print.page"), onClick: () => window.print() },
  ];
  return (
    <>
      <Dropdown menu={{ items }} trigger={["click"]}>
        <Button className="print-page" icon={<PrinterOutlined />} aria-label={t("detail.print")} title={t("detail.print")} />
      </Dropdown>
      {open && <PrintDrawer document={document} row={row} onClose={() => setOpen(false)} />}
    </>
  );
}

function PrintDrawer({ document, row, onClose }: { document: DocumentMeta; row: Row; onClose: () => void }) {
  const { t } = useTranslation();
  const wide = Grid.useBreakpoint().md ?? true;
  const { data, error } = useList<PrintTemplate>(useDocumentMeta("identity.print_template"), { filter: `document_type = "${document.key}" AND state = "ACTIVE"`, pageSize: 50, fields: ["id", "name", "preferred"] });
  // who may not see the templates prints the standard layout
  const templates = data?.rows ?? (error ? [] : undefined);
  const [chosen, choose] = useState<string>();
  const [locale, speak] = useState<string>(context.locale);
  const template = chosen ?? templates?.find(({ preferred }) => preferred)?.id ?? STANDARD;
  const address = templates && printAddress(document, row.id, template, locale);
  return (
    <Drawer
      open title={t("print.document")} size={wide ? "large" : "100%"} onClose={onClose}
      extra={<Button type="primary" href={address} target="_blank" rel="noopener">{t("print.open")}</Button>}
    >
      <Segmented<string> aria-label={t("print.language")} value={locale} onChange={speak} options={LOCALES} className="print-language" />
      <Select
        aria-label={t("print.template")} value={template} onChange={choose} className="wide-input" popupMatchSelectWidth={false}
        options={[{ value: STANDARD, label: t("print.standard") }, ...(templates ?? []).map(({ id, name }) => ({ value: id, label: name }))]}
      />
      {/* phones show no PDF inside of a page */}
      {wide && address && <Preview address={address} />}
    </Drawer>
  );
}

/** The PDF itself, or why there is none. */
export function Preview({ address, version }: { address: string; version?: string }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery({ queryKey: ["print", address, version], queryFn: ({ signal }) => fetchFile(address, signal), gcTime: 0, staleTime: Infinity, meta: { shown: true } });
  const [shown, show] = useState<string>();
  useEffect(() => {
    if (!data) return;
    const url = URL.createObjectURL(data);
    show(url);
    return () => URL.revokeObjectURL(url);
  }, [data]);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  return data && shown ? <iframe key={shown} className="print-preview" title={t("print.preview")} src={shown} /> : <Skeleton active />;
}
