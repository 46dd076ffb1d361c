import { CheckCircleFilled, RightOutlined } from "@ant-design/icons";
import { Button, Progress, Result } from "antd";
import { useTranslation } from "react-i18next";
import { useHolds } from "@/api/me";
import { AppLink, useGo } from "@/app/links";
import { progressOf } from "./startSteps";
import { useStart, useStartOffered, type Standing } from "./useStart";

/** From an empty house to the first order: what is done, what is next, and where. */
export default function GettingStarted() {
  const { t } = useTranslation();
  const begins = useHolds("identity.company.create");
  if (!begins) return <Result status="403" title={t("error.notAllowed", { title: t("start.title") })} subTitle={t("error.askAdministrator")} extra={<AppLink to="/">{t("error.home")}</AppLink>} />;
  return <Steps />;
}

function Steps() {
  const { t } = useTranslation();
  const steps = useStart();
  const { next, done, count } = progressOf(steps);
  return (
    <section className="page start-page" aria-busy={steps.some((step) => step.done === undefined)}>
      <header className="page-head"><h1>{t("start.title")} <span className="count">{t("start.count", { done, count })}</span></h1></header>
      <p className="quiet">{t("start.help")}</p>
      <Progress percent={Math.round((done * 100) / count)} showInfo={false} aria-label={t("start.count", { done, count })} />
      <ol className="start-steps">
        {steps.map((step) => <StepLine key={step.step.key} standing={step} next={step === next} />)}
      </ol>
      {!next && <Result status="success" title={t("start.finished")} extra={<AppLink to="/">{t("error.home")}</AppLink>} />}
    </section>
  );
}

function StepLine({ standing: { step, to, done, mine }, next }: { standing: Standing; next: boolean }) {
  const { t } = useTranslation();
  const go = useGo();
  const [title, help] = step.says(t);
  const words = next ? t("start.next") : t("start.open");
  return (
    <li className={done ? "card start-step done" : "card start-step"} aria-current={next ? "step" : undefined}>
      <div>
        <h2>{done && <CheckCircleFilled aria-hidden />} {title} {done && <span className="quiet">{t("start.done")}</span>}</h2>
        <p className="quiet">{help}</p>
      </div>
      {mine && <Button type={next ? "primary" : "default"} aria-label={`${words} ${title}`} onClick={() => go(to)}>{words}</Button>}
    </li>
  );
}

/** On the start page of whoever sets up the house, until the first order is there. */
export function StartCard() {
  const { offered, leave } = useStartOffered();
  return offered ? <Card onLeave={leave} /> : null;
}

function Card({ onLeave }: { onLeave: () => void }) {
  const { t } = useTranslation();
  const steps = useStart();
  const { next, done, count } = progressOf(steps);
  const [title, help] = next?.step.says(t) ?? [];
  return (
    <section className="card panel start-card" aria-label={t("start.title")}>
      <header>
        <h2>{t("start.title")} <span className="count">{t("start.count", { done, count })}</span></h2>
        <Button type="text" size="small" onClick={onLeave}>{t("start.leave")}</Button>
      </header>
      {next && <p>{t("start.nextIs", { step: title })} <span className="quiet">{help}</span></p>}
      <AppLink to="/getting-started">{t("start.all")} <RightOutlined aria-hidden /></AppLink>
    </section>
  );
}
