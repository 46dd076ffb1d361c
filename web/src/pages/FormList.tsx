import { useTranslation } from "react-i18next";
import { useCan } from "@/api/me";
import { writableFields, type DocumentMeta } from "@/contract/meta";
import { FromTemplate, type Offer } from "@/documents/FromTemplate";
import GenericList from "@/documents/GenericList";
import { nameIn, type FormTemplate } from "@/forms/typed";

/** The forms of the company, and those that the product brings. */
export default function FormList({ document }: { document: DocumentMeta }) {
  const { t, i18n } = useTranslation();
  const can = useCan();
  const offer = ({ form, formId }: FormTemplate): Offer => {
    const said = Object.fromEntries(writableFields(document.fields, true).map(({ name }) => [name, form[name]]));
    const note = `${form.groupName} · ${t("forms.fieldCount", { count: form.fields.length })}`;
    return { name: nameIn(form, i18n.language), note, description: form.description, thereId: formId, values: { ...said, code: form.code } };
  };
  return <GenericList document={document} tools={can(document.methods.create) && <FromTemplate document={document} help={t("forms.templateHelp")} offer={offer} />} />;
}
