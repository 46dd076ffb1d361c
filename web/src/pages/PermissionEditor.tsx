import { Checkbox, Collapse, Input, Skeleton, Tag } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "@/api/http";
import type { PermissionMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";

interface Props {
  value: string[];
  onChange?: (permissions: string[]) => void;
  /** Each is spelled out: nothing stands for what comes later. */
  spelled?: boolean;
}

function covers(granted: string, name: string): boolean {
  return granted === name || (granted.endsWith("*") && name.startsWith(granted.slice(0, -1)));
}

/** Permissions by service and document. `*` on a service stands for everything in it, also what comes later. */
export function PermissionEditor({ value, onChange, spelled = false }: Props) {
  const { t } = useTranslation();
  const meta = useMeta();
  const [search, setSearch] = useState("");
  const described = useQuery({
    queryKey: ["identity.permission"],
    queryFn: () => call<{ permissions: { name: string; description: string }[] }>("GET", "/v1/identity/permissions"),
    staleTime: Infinity,
  });
  const wanted = search.trim().toLowerCase();
  const services = useMemo(() => {
    const names = [...new Set(meta.permissions.map(({ service }) => service))];
    return names.map((name) => ({ name, title: meta.services.find((one) => one.name === name)?.title ?? name, members: meta.permissions.filter(({ service }) => service === name) }));
  }, [meta]);
  const descriptions = new Map(described.data?.permissions.map(({ name, description }) => [name, description]));
  const held = (name: string) => value.some((granted) => covers(granted, name));
  const toggle = (names: string[], on: boolean) => {
    const wholes = value.filter((one) => one.endsWith("*") && names.some((name) => covers(one, name)));
    // A wildcard that loses a member is spelled out first.
    const written = on ? value : [...value.filter((one) => !wholes.includes(one)), ...meta.permissions.map(({ name }) => name).filter((name) => wholes.some((one) => covers(one, name)))];
    onChange?.(on ? [...new Set([...written, ...names.filter((name) => !held(name))])].toSorted() : written.filter((name) => !names.includes(name)).toSorted());
  };
  if (described.isLoading) return <Skeleton active title={false} />;
  return (
    <div className="permissions">
      <Input allowClear value={search} onChange={({ target }) => setSearch(target.value)} placeholder={t("role.search")} aria-label={t("role.search")} className="search-box" />
      <Collapse
        size="small" defaultActiveKey={services.map(({ name }) => name)}
        items={services.flatMap(({ name, title, members }) => {
          const shown = members.filter((one) => !wanted || `${one.name} ${one.label}`.toLowerCase().includes(wanted));
          const whole = value.some((granted) => granted === "*" || granted === `${name}.*`);
          if (shown.length === 0) return [];
          const count = members.filter((one) => held(one.name)).length;
          return [{
            key: name,
            label: <span>{title} <span className="count">{t("role.count", { held: count, count: members.length })}</span> {whole && <Tag color="blue">{t("role.whole")}</Tag>}</span>,
            children: (
              <>
                {onChange && !spelled && <Checkbox checked={whole} onChange={({ target }) => (target.checked ? onChange([...value.filter((one) => !one.startsWith(`${name}.`)), `${name}.*`].toSorted()) : toggle(members.map((one) => one.name), false))}>{t("role.everything", { title })}</Checkbox>}
                {groups(shown).map(([document, permissions]) => (
                  <DocumentPermissions key={document} title={meta.documents[`${name}.${document}`]?.title ?? document} permissions={permissions} held={held} descriptions={descriptions} onToggle={onChange && toggle} />
                ))}
              </>
            ),
          }];
        })}
      />
    </div>
  );
}

function groups(permissions: PermissionMeta[]): [string, PermissionMeta[]][] {
  const byDocument = new Map<string, PermissionMeta[]>();
  for (const permission of permissions) byDocument.set(permission.document, [...(byDocument.get(permission.document) ?? []), permission]);
  return [...byDocument];
}

interface DocumentProps {
  title: string;
  permissions: PermissionMeta[];
  held: (name: string) => boolean;
  descriptions: Map<string, string>;
  onToggle?: (names: string[], on: boolean) => void;
}

function DocumentPermissions({ title, permissions, held, descriptions, onToggle }: DocumentProps) {
  const names = permissions.map(({ name }) => name);
  const count = names.filter(held).length;
  return (
    <div className="permission-row" role="group" aria-label={title}>
      <span className="permission-title">
        <Checkbox checked={count === names.length} indeterminate={count > 0 && count < names.length} disabled={!onToggle} onChange={({ target }) => onToggle?.(names, target.checked)}>{title}</Checkbox>
      </span>
      {permissions.map(({ name, label }) => (
        <Checkbox key={name} checked={held(name)} disabled={!onToggle} onChange={({ target }) => onToggle?.([name], target.checked)}>
          <span title={descriptions.get(name) || name}>{label.split(" · ").at(-1)}</span>
        </Checkbox>
      ))}
    </div>
  );
}
