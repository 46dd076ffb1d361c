import { Button, Result } from "antd";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/errors";
import { AppLink } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { hiddenBy, lackedBy } from "@/app/why";
import { WhyLink } from "@/app/WhyDrawer";
import { useMeta } from "@/contract/useMeta";

/** A page that cannot be shown: not allowed, not there, or not reachable, each with what to do. */
export function PageProblem({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const known = error instanceof ApiError;
  const { title, description } = sentenceOf(error);
  const status = known && error.forbidden ? "403" : known && error.missing ? "404" : "warning";
  const trace = known && error.requestId ? t("error.trace", { id: error.requestId }) : "";
  return (
    <Result
      status={status} title={title} subTitle={[description, trace].filter(Boolean).join(" ")}
      extra={
        <>
          {retry && !(known && (error.forbidden || error.missing)) && <Button type="primary" onClick={retry}>{t("action.retry")}</Button>}
          <AppLink to="/">{t("error.home")}</AppLink>
          <WhyLink permission={lackedBy(error) || hiddenBy(meta, error)} />
        </>
      }
    />
  );
}
