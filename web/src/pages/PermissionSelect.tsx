import { Select } from "antd";
import { useTranslation } from "react-i18next";
import { useMeta } from "@/contract/useMeta";

interface Common {
  label: string;
  id?: string;
  invalid?: boolean;
}

function useOptions() {
  const meta = useMeta();
  return meta.permissions.map(({ name, label }) => ({ value: name, label, title: name }));
}

const SEARCHED = { optionFilterProp: ["label", "value"] };

/** Pick one permission of the contract by its name in words or by its code. */
export function PermissionSelect({ label, value, onChange }: Common & { value: string; onChange: (permission: string) => void }) {
  const { t } = useTranslation();
  return (
    <Select
      aria-label={label} value={value || undefined} options={useOptions()} showSearch={SEARCHED} allowClear className="wide-input"
      placeholder={t("role.search")} onChange={(next?: string) => onChange(next ?? "")}
    />
  );
}

/** Pick several. */
export function PermissionsSelect({ id, label, value, onChange, invalid }: Common & { value: string[]; onChange: (permissions: string[]) => void }) {
  const { t } = useTranslation();
  return (
    <Select
      id={id} aria-label={label} mode="multiple" value={value} options={useOptions()} showSearch={SEARCHED} className="wide-input"
      status={invalid ? "error" : undefined} placeholder={t("role.search")} onChange={onChange}
    />
  );
}
