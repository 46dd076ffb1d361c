import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Alert, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { call, fillPath } from "@/api/http";
import { sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta } from "@/contract/meta";
import type { ApprovalPreview, ApprovalStep } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { refusalText } from "@/contract/format";
import { Moment, StepText } from "@/documents/CaseTimeline";

/** Who will be asked, in order, and why: as the draft stands, before it is submitted. */
export function ApprovalPath({ document, id, version }: { document: DocumentMeta; id: string | undefined; version: string | undefined }) {
  const { t } = useTranslation();
  const method = methodOf(document, "preview");
  const { data, error, isFetching } = useQuery({
    queryKey: [document.key, "preview", context.company, id, version],
    queryFn: () => call<ApprovalPreview>("GET", fillPath(method!.path, { id: id! })),
    enabled: Boolean(method && id),
    placeholderData: keepPreviousData,
  });
  return (
    <section className="card" aria-label={t("path.title")} aria-busy={isFetching}>
      <h2>{t("path.title")} {data?.flowName && <span className="count">{data.flowName}</span>}</h2>
      {!id && <p className="quiet">{t("path.later")}</p>}
      {error && <p className="field-error">{sentenceOf(error).title}</p>}
      {id && !data && !error && <Skeleton active title={false} />}
      {data && <Steps preview={data} />}
    </section>
  );
}

/** The steps of a way, in order; what keeps a document from being sent, or from coming to its end, in front. */
export function Steps({ preview }: { preview: Pick<ApprovalPreview, "steps" | "problem" | "problemFacts"> }) {
  const { t } = useTranslation();
  const { refusals } = useMeta();
  return (
    <>
      {preview.problem && <Alert type="warning" showIcon className="note" title={t("path.problem")} description={refusalText(refusals[preview.problem]?.message ?? preview.problem, preview.problemFacts)} />}
      <ol className="timeline">
        {preview.steps.map((step: ApprovalStep, index) => (
          <Moment key={`${step.nodeId}${step.path}${index}`} tone={step.kind === "copy" ? "quiet" : "ahead"}>
            <StepText step={step} />
            {sideBySide(preview.steps, index) && <small className="vote">{t("path.parallel")}</small>}
          </Moment>
        ))}
      </ol>
    </>
  );
}

function sideBySide(steps: ApprovalStep[], index: number): boolean {
  const { path } = steps[index];
  return path !== "" && steps.some((other, at) => at !== index && other.path === path);
}
