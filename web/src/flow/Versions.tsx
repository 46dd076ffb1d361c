import { Button, Collapse, Select } from "antd";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useVerb } from "@/api/documents";
import { timeText } from "@/contract/format";
import type { DocumentMeta } from "@/contract/meta";
import { Reference } from "@/documents/Reference";
import { Differences, type Content } from "./Differences";
import { FlowTree } from "./FlowTree";

export interface Version extends Content {
  version: number;
  publishedById: string;
  publishTime: string;
  note: string;
  runningCases: number;
}

export function useVersions(document: DocumentMeta, id: string | undefined): Version[] {
  return useVerb<{ versions: Version[] }>(document, "listVersions", id).data?.versions ?? [];
}

const DRAFT = 0;

interface Props {
  document: DocumentMeta;
  versions: Version[];
  draft: Content;
  tools?: (version: Version) => ReactNode;
  onRestore: (version: Version) => void;
}

/** Every version with its note, any two compared, and an older one taken back into the draft. */
export function Versions({ document, versions, draft, tools, onRestore }: Props) {
  const { t } = useTranslation();
  const [pair, setPair] = useState<[number, number]>([versions[0]?.version ?? DRAFT, DRAFT]);
  if (versions.length === 0) return <p className="quiet">{t("flow.neverPublished")}</p>;
  const named = (number: number) => (number === DRAFT ? t("flow.draft") : t("flow.version", { version: number }));
  const content = (number: number): Content => versions.find(({ version }) => version === number) ?? draft;
  const options = [DRAFT, ...versions.map(({ version }) => version)].map((value) => ({ value, label: named(value) }));
  return (
    <>
      <div className="flow-compare">
        <Select aria-label={t("flow.compareFrom")} value={pair[0]} options={options} popupMatchSelectWidth={false} onChange={(from: number) => setPair([from, pair[1]])} />
        <span aria-hidden="true">→</span>
        <Select aria-label={t("flow.compareTo")} value={pair[1]} options={options} popupMatchSelectWidth={false} onChange={(to: number) => setPair([pair[0], to])} />
      </div>
      <Differences document={document} before={content(pair[0])} after={content(pair[1])} />
      <Collapse
        size="small" destroyOnHidden className="flow-versions"
        items={versions.map((one) => ({
          key: String(one.version),
          label: <span>{named(one.version)} · {timeText(one.publishTime)} · <Reference document="identity.employee" id={one.publishedById} plain /> · {t("flow.running", { count: one.runningCases })}{one.note && <> · {one.note}</>}</span>,
          children: (
            <>
              <p className="flow-panels">
                <Button size="small" onClick={() => onRestore(one)}>{t("flow.restore")}</Button>
                {tools?.(one)}
              </p>
              <FlowTree tree={one.tree} />
            </>
          ),
        }))}
      />
    </>
  );
}
