import { ArrowDownOutlined, ArrowUpOutlined, HolderOutlined, PlusOutlined } from "@ant-design/icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Empty, Popconfirm, Select, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { context } from "@/api/context";
import { problemOf } from "@/api/errors";
import { call } from "@/api/http";
import { useHolds } from "@/api/me";
import { notifySuccess } from "@/app/notify";
import { wordsIn, type TypedField } from "@/contract/typedFields";
import { COLUMN } from "@/contract/customFields";
import { enumLabel, fieldOf, type Meta, type Row } from "@/contract/meta";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { PageProblem } from "@/documents/PageProblem";
import { TableScroll } from "@/documents/TableScroll";
import { CustomFieldForm } from "./CustomFieldForm";

export interface CustomField extends Row {
  state: "ACTIVE" | "RETIRED";
  documentType: string;
  key: string;
  field: TypedField;
  position: number;
  onlyCompanyId: string;
  readRoles: string[];
  writeRoles: string[];
  listColumn: boolean;
  printed: boolean;
}

const KEY = "platform.custom_field";

/** Types of documents that can have fields, as groups of a choice. */
function useTypes(meta: Meta) {
  const types = Object.values(meta.documents).filter((one) => fieldOf(one, COLUMN) && one.methods.create);
  return meta.services.map(({ name, title }) => ({
    label: title,
    options: types.filter(({ service }) => service === name).map(({ key, title: label }) => ({ value: key, label })),
  })).filter(({ options }) => options.length > 0);
}

/** The fields that administrators added to each type of documents: what they are, their order, who sees them. */
export default function CustomFields() {
  const { t } = useTranslation();
  const meta = useMeta();
  const document = useDocumentMeta(KEY);
  const client = useQueryClient();
  const holds = { create: useHolds(`${KEY}.create`), move: useHolds(`${KEY}.move`) };
  const [params, setParams] = useSearchParams();
  const [open, setOpen] = useState<CustomField | "new">();
  const [dragged, setDragged] = useState<CustomField>();
  const types = useTypes(meta);
  const type = params.get("type") ?? types[0]?.options[0]?.value ?? "";
  const [service] = type.split(".");
  const { data, error, isLoading, refetch } = useQuery({
    queryKey: [KEY, "list", context.company, type],
    queryFn: () => call<{ customFields: CustomField[] }>("GET", `/v1/${service}/custom-fields`, { query: { filter: `document_type = "${type}"`, orderBy: "position", pageSize: 200 } }),
    enabled: Boolean(type),
  });
  const rows = data?.customFields ?? [];
  const act = useMutation({
    mutationFn: ({ row, verb, body }: { row: CustomField; verb: string; body?: Record<string, unknown> }) =>
      verb === "delete" ? call("DELETE", `/v1/${service}/custom-fields/${row.id}`) : call("POST", `/v1/${service}/custom-fields/${row.id}:${verb}`, { body: { etag: row.etag, ...body } }),
    onSuccess: () => {
      notifySuccess(t("form.saved"));
      void client.invalidateQueries({ queryKey: [KEY] });
    },
  });
  const move = (row: CustomField, position: number) => holds.move && position !== row.position && act.mutate({ row, verb: "move", body: { position } });
  const label = (name: string) => fieldOf(document, name)?.label ?? name;
  const said = (row: CustomField) => [
    row.field.required && t("custom.required"), row.listColumn && label("listColumn"), row.printed && label("printed"),
    row.readRoles.length > 0 && `${label("readRoles")}: ${row.readRoles.join(t("list.comma"))}`,
    row.writeRoles.length > 0 && `${label("writeRoles")}: ${row.writeRoles.join(t("list.comma"))}`,
  ].filter(Boolean).join(" · ");
  const help = { retire: t("custom.retireHelp"), restore: t("custom.restoreHelp"), delete: t("custom.deleteHelp") };
  const allowed = (row: CustomField, action: string) => Boolean(row.allowedActions?.includes(action));
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("custom.title")} <span className="count">{t("list.count", { count: rows.length })}</span></h1>
        <div className="page-tools">
          <Select
            aria-label={label("documentType")} value={type} options={types} className="service-choice" showSearch={{ optionFilterProp: "label" }} popupMatchSelectWidth={false}
            onChange={(next: string) => setParams((before) => { const said2 = new URLSearchParams(before); said2.set("type", next); return said2; }, { replace: true })}
          />
          {holds.create && <Button type="primary" icon={<PlusOutlined />} onClick={() => setOpen("new")}>{t("custom.add")}</Button>}
        </div>
      </header>
      <p className="quiet">{t("custom.help")}</p>
      {problemOf({ data, error }) ? <PageProblem error={error} retry={() => void refetch()} /> : (
        <TableScroll busy={isLoading} label={t("custom.title")} tall>
          <Table<CustomField>
            size="small" rowKey="id" loading={{ spinning: isLoading, delay: 200 }} pagination={false} dataSource={rows}
            locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("custom.none")} /> }}
            onRow={(row) => ({
              draggable: holds.move, onDragStart: () => setDragged(row), onDragOver: (event) => event.preventDefault(),
              onDrop: () => dragged && move(dragged, row.position),
            })}
            columns={[
              { title: t("custom.order"), width: 110, render: (_, row) => (
                <span className="row-tools">
                  <HolderOutlined aria-hidden className="quiet" />
                  <Button size="small" type="text" icon={<ArrowUpOutlined />} aria-label={t("custom.up", { label: wordsIn(row.field.label, meta.locale) })} disabled={!holds.move || row.position === 1} onClick={() => move(row, row.position - 1)} />
                  <Button size="small" type="text" icon={<ArrowDownOutlined />} aria-label={t("custom.down", { label: wordsIn(row.field.label, meta.locale) })} disabled={!holds.move || row.position === rows.length} onClick={() => move(row, row.position + 1)} />
                </span>
              ) },
              { title: t("custom.name"), render: (_, row) => <Button type="link" size="small" onClick={() => setOpen(row)}>{wordsIn(row.field.label, meta.locale)}</Button> },
              { title: label("key"), render: (_, row) => <code>{row.key}</code> },
              { title: t("custom.kind"), render: (_, row) => enumLabel(meta, "TypedField.Kind", row.field.kind) },
              { title: t("custom.says"), render: (_, row) => said(row) },
              { title: label("state"), render: (_, row) => <span className={row.state === "ACTIVE" ? undefined : "quiet"}>{enumLabel(meta, "CustomField.State", row.state)}</span> },
              { title: t("parked.action"), render: (_, row) => (
                <span className="row-tools">
                  {(["retire", "restore", "delete"] as const).filter((action) => allowed(row, action)).map((action) => (
                    <Popconfirm key={action} title={help[action]} okText={document.methods[action]?.label} cancelText={t("action.cancel")} onConfirm={() => act.mutate({ row, verb: action })}>
                      <Button size="small">{document.methods[action]?.label}</Button>
                    </Popconfirm>
                  ))}
                </span>
              ) },
            ]}
          />
        </TableScroll>
      )}
      {open && (
        <CustomFieldForm
          key={open === "new" ? "new" : open.id} service={service} type={type} row={open === "new" ? undefined : open} editable={open === "new" || allowed(open, "update")} onClose={() => setOpen(undefined)}
          others={rows.filter((one) => one.state === "ACTIVE" && (open === "new" || one.id !== open.id)).map(({ field }) => field)}
        />
      )}
    </section>
  );
}
