import { ArrowDownOutlined, ArrowUpOutlined, DeleteOutlined, DesktopOutlined, MobileOutlined, PlusOutlined, UndoOutlined, WarningOutlined } from "@ant-design/icons";
import { Alert, Button, Checkbox, Form, Segmented, Select, Skeleton } from "antd";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { callMethod, useDocument } from "@/api/documents";
import { withCompany } from "@/api/context";
import { problemOf } from "@/api/errors";
import { AppLink, routeOf } from "@/app/links";
import { notifyError, notifySuccess } from "@/app/notify";
import { enumLabel, methodOf, textOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { refusalText } from "@/contract/format";
import { EditingNotes } from "@/documents/EditingNotes";
import { FieldsForm } from "@/documents/FieldsForm";
import { useSaveKey } from "@/documents/GenericForm";
import { PageProblem } from "@/documents/PageProblem";
import { useEditing } from "@/documents/useEditing";
import { FormFields } from "@/forms/FormFields";
import { Choice, FieldProperties, Line, useLanguages, within } from "@/forms/FieldProperties";
import { add, change, KINDS, move, newField, NUMBERS, place, remove, sectionOf, type Design } from "@/forms/design";
import { kindOf, wordsIn, type Kind, type TypedField } from "@/contract/typedFields";
import type { FilledForm, TypedValues } from "@/forms/typed";
import type { ApprovalPreview } from "@/contract/types";
import { Steps } from "./ApprovalPath";

const HEAD = ["code", "name", "nameEn", "groupName", "icon", "numberPrefix", "description", "departmentIds", "roleCodes"];
const DESIGN = ["fields", "sections", "amountKey", "summaryKeys", "approverKeys"] as const;
const MOST_UNDONE = 50;
const EMPTY = { fields: [], sections: [], amountKey: "", summaryKeys: [], approverKeys: [] };

/** Design a form: fields from a palette, what each is, and beside it the form as people will fill it in. */
export default function FormDesigner({ document }: { document: DocumentMeta }) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument(document, id);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (id && !data) return <Skeleton active className="page" />;
  return <Designer key={id ?? "new"} document={document} row={data} />;
}

function Designer({ document, row }: { document: DocumentMeta; row: Row | undefined }) {
  const { t, i18n } = useTranslation();
  const meta = useMeta();
  const editing = useEditing(document, row, useMemo(() => ({ ...EMPTY }), []));
  const design = Object.fromEntries(DESIGN.map((name) => [name, editing.values[name] ?? EMPTY[name]])) as unknown as Design;
  const [selected, setSelected] = useState<number>();
  const undone = useUndo(design, (before) => {
    for (const name of DESIGN) editing.set(name, before[name]);
    setSelected(undefined);
  });
  const put = (next: Design) => {
    undone.note();
    for (const name of DESIGN) if (next[name] !== design[name]) editing.set(name, next[name]);
  };
  const kindName = Object.keys(meta.enums).find((name) => name.endsWith("TypedField.Kind"));
  const addKind = (kind: Kind, at?: number) => {
    const words = { "zh-CN": enumLabel(meta, kindName, kind), en: i18n.language === "en" ? enumLabel(meta, kindName, kind) : kind.toLowerCase().replace("_", " ") };
    put(add(design, newField(kind, words, design.fields.map(({ key }) => key)), at));
    setSelected(at ?? design.fields.length);
  };
  const shift = (from: number, to: number) => {
    put(move(design, from, to));
    if (to >= 0 && to < design.fields.length) setSelected(to);
  };
  const save = async () => {
    const fresh = !editing.saved;
    const answer = await editing.submit();
    if (!answer) return undefined;
    notifySuccess(t("form.saved"));
    // the page goes on: an example that is being tried and the steps back stay
    if (fresh) history.replaceState(history.state, "", withCompany(`${routeOf(document, answer.id)}/edit`));
    return answer;
  };
  useSaveKey(() => void save());
  const field = selected === undefined ? undefined : design.fields[selected];
  return (
    <section className="page">
      <header className="page-head">
        <h1>{editing.saved ? t("form.edit", { title: String(editing.values.name ?? "") }) : t("list.new", { title: document.title })}</h1>
        <div className="page-tools">
          <AppLink to={editing.saved ? routeOf(document, editing.saved.id) : document.route} className="quiet-link">{t("action.close")}</AppLink>
          <Button icon={<UndoOutlined />} disabled={!undone.can} onClick={undone.undo}>{t("forms.undo")}</Button>
          <Button type="primary" loading={editing.saving} disabled={Boolean(editing.conflict)} onClick={() => void save()}>{t("action.save")}</Button>
        </div>
      </header>
      <EditingNotes document={document} editing={editing} />
      <Form layout="vertical" component="div" className="card">
        <FieldsForm fields={editing.fields.filter(({ name }) => HEAD.includes(name))} values={editing.values} onChange={editing.set} errors={editing.errors} autoFocus={!row} />
      </Form>
      <div className="designer">
        <div className="card">
          <h2>{t("forms.palette")}</h2>
          <ul className="palette">
            {KINDS.map((kind) => (
              <li key={kind}><Button block icon={<PlusOutlined />} draggable onDragStart={({ dataTransfer }) => dataTransfer.setData("text/plain", `new:${kind}`)} onClick={() => addKind(kind)}>{enumLabel(meta, kindName, kind)}</Button></li>
            ))}
          </ul>
        </div>
        <div className="card">
          <h2>{t("forms.fields")} <span className="count">{design.fields.length}</span></h2>
          <p className="quiet">{t("forms.keys")}</p>
          <ol className="design-fields">
            {design.fields.map((one, index) => (
              <li key={index} className={index === selected ? "chosen" : undefined}>
                <button
                  type="button" className="design-field" aria-pressed={index === selected} draggable onDragStart={({ dataTransfer }) => dataTransfer.setData("text/plain", `move:${index}`)} onClick={() => setSelected(index)}
                  onDragOver={(event) => event.preventDefault()}
                  onDrop={(event) => {
                    event.preventDefault();
                    const [what, which] = event.dataTransfer.getData("text/plain").split(":");
                    if (what === "new") addKind(which as Kind, index);
                    else if (what === "move") shift(Number(which), index);
                  }}
                  onKeyDown={(event) => {
                    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
                    event.preventDefault();
                    shift(index, index + (event.key === "ArrowUp" ? -1 : 1));
                  }}
                >
                  {Object.keys(within(editing.errors, `fields[${index}]`)).length > 0 && <WarningOutlined className="worse" aria-label={t("forms.faulty")} />} {wordsIn(one.label, i18n.language)} <small>{enumLabel(meta, kindName, one.kind)}</small>
                </button>
                <Button type="text" size="small" icon={<ArrowUpOutlined />} disabled={index === 0} aria-label={t("forms.up", { label: wordsIn(one.label, i18n.language) })} onClick={() => shift(index, index - 1)} />
                <Button type="text" size="small" icon={<ArrowDownOutlined />} disabled={index === design.fields.length - 1} aria-label={t("forms.down", { label: wordsIn(one.label, i18n.language) })} onClick={() => shift(index, index + 1)} />
                <Button
                  type="text" size="small" icon={<DeleteOutlined />} aria-label={t("forms.remove", { label: wordsIn(one.label, i18n.language) })}
                  onClick={() => {
                    put(remove(design, index));
                    setSelected(undefined);
                  }}
                />
              </li>
            ))}
          </ol>
          <Properties design={design} put={put} errors={editing.errors} />
        </div>
        <Form layout="vertical" component="div" className="card">
          <h2>{t("forms.properties")}</h2>
          {field === undefined ? <p className="quiet">{t("forms.chooseField")}</p> : (
            <FieldProperties key={selected} field={field} others={design.fields.filter((one) => one !== field)} errors={within(editing.errors, `fields[${selected}].`)} onChange={(next) => put(change(design, selected!, next))}>
              {field.kind !== "TABLE" && field.kind !== "COMPUTED" && (
                <Checkbox
                  checked={design.approverKeys.includes(field.key)}
                  onChange={({ target }) => put({ ...design, approverKeys: target.checked ? [...design.approverKeys, field.key] : design.approverKeys.filter((key) => key !== field.key) })}
                >{t("forms.approvers")}</Checkbox>
              )}
              {design.sections.length > 0 && (
                <Choice
                  label={t("forms.section")} value={String(sectionOf(design, field.key))} onChange={(section) => put(place(design, field.key, Number(section)))}
                  options={[{ value: "-1", label: t("forms.noSection") }, ...design.sections.map(({ label }, index) => ({ value: String(index), label: wordsIn(label, i18n.language) }))]}
                />
              )}
            </FieldProperties>
          )}
        </Form>
      </div>
      <Preview document={document} design={design} save={save} />
    </section>
  );
}

/** What the form says of its fields as a whole: sections, amount, summary. */
function Properties({ design, put, errors }: { design: Design; put: (next: Design) => void; errors: Record<string, string> }) {
  const { t, i18n } = useTranslation();
  const named = useLanguages();
  const options = (fields: TypedField[]) => fields.map(({ key, label }) => ({ value: key, label: wordsIn(label, i18n.language) }));
  return (
    <Form layout="vertical" component="div">
      <h3>{t("forms.sections")}</h3>
      {design.sections.map((section, index) => (
        <div key={index} className="form-option">
          {(["zh-CN", "en"] as const).map((language) => (
            <Line
              key={language} label={named[language]} required error={errors[`sections[${index}].label.${language}`]} value={section.label[language] ?? ""}
              onChange={(text) => put({ ...design, sections: design.sections.with(index, { ...section, label: { ...section.label, [language]: text } }) })}
            />
          ))}
          <Button type="text" icon={<DeleteOutlined />} aria-label={t("forms.removeSection", { label: wordsIn(section.label, i18n.language) })} onClick={() => put({ ...design, sections: design.sections.toSpliced(index, 1) })} />
        </div>
      ))}
      <Button icon={<PlusOutlined />} onClick={() => put({ ...design, sections: [...design.sections, { label: { "zh-CN": "新分组", en: "New section" }, fieldKeys: [] }] })}>{t("forms.addSection")}</Button>
      <Choice label={t("forms.amount")} value={design.amountKey || undefined} error={errors.amountKey ?? errors.amount_key} options={[{ value: "", label: t("forms.noAmount") }, ...options(design.fields.filter((field) => NUMBERS.has(kindOf(field))))]} onChange={(amountKey) => put({ ...design, amountKey })} />
      <Form.Item label={t("forms.summary")} htmlFor="form-summary">
        <Select id="form-summary" mode="multiple" maxCount={3} value={design.summaryKeys} options={options(design.fields.filter(({ kind }) => kind !== "TABLE"))} onChange={(summaryKeys: string[]) => put({ ...design, summaryKeys })} className="wide-input" />
      </Form.Item>
    </Form>
  );
}

/** The form as it will be filled in, on a desk and on a phone; filled in with an example, what it does and who is asked. */
function Preview({ document, design, save }: { document: DocumentMeta; design: Design; save: () => Promise<Row | undefined> }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const [phone, setPhone] = useState(false);
  const [values, setValues] = useState<TypedValues>({});
  const [tried, setTried] = useState<FilledForm & { preview?: ApprovalPreview }>();
  const [trying, setTrying] = useState(false);
  const attempt = async () => {
    setTrying(true);
    try {
      const saved = await save();
      if (saved) setTried(await callMethod(methodOf(document, "try")!, saved.id, { values }));
    } catch (error) {
      notifyError(error);
    } finally {
      setTrying(false);
    }
  };
  const errors = Object.fromEntries((tried?.violations ?? []).map(({ field, reason, facts }) => [field, refusalText(meta.refusals[reason]?.message ?? textOf(meta, reason), facts)]));
  const computed = Object.fromEntries(design.fields.filter(({ kind }) => kind === "COMPUTED").map(({ key }) => [key, tried?.values[key]]));
  return (
    <section className="card" aria-label={t("forms.preview")}>
      <h2>{t("forms.preview")}</h2>
      <div className="form-filter">
        <Segmented
          value={phone ? "phone" : "desk"} onChange={(size) => setPhone(size === "phone")}
          options={[{ value: "desk", label: t("forms.desk"), icon: <DesktopOutlined /> }, { value: "phone", label: t("forms.phone"), icon: <MobileOutlined /> }]}
        />
        <Button loading={trying} onClick={() => void attempt()}>{t("forms.try")}</Button>
      </div>
      <div className={phone ? "form-preview phone" : "form-preview"}>
        <FormFields
          form={design} values={{ ...values, ...computed }} hidden={tried?.hiddenKeys ?? []} required={tried?.requiredKeys ?? []} errors={errors}
          onChange={(key, value) => setValues((before) => ({ ...before, [key]: value === "" ? undefined : value }))}
        />
      </div>
      {tried && Object.keys(errors).length > 0 && <Alert type="warning" showIcon className="note" title={t("form.seeFields")} />}
      {tried?.preview && Object.keys(errors).length === 0 && <Steps preview={tried.preview} />}
    </section>
  );
}

/** Steps back through designs. */
function useUndo(design: Design, put: (before: Design) => void) {
  const [past, setPast] = useState<Design[]>([]);
  const undo = () => {
    const before = past.at(-1);
    if (!before) return;
    setPast(past.slice(0, -1));
    put(before);
  };
  const latest = useRef(undo);
  latest.current = undo;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      if (!typing && (event.ctrlKey || event.metaKey) && event.key === "z") {
        event.preventDefault();
        latest.current();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return { can: past.length > 0, undo, note: () => setPast([...past, design].slice(-MOST_UNDONE)) };
}
