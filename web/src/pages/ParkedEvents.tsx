import { Button, Empty, Select, Table } from "antd";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { problemOf } from "@/api/errors";
import { call } from "@/api/http";
import { useHolds } from "@/api/me";
import { notifySuccess } from "@/app/notify";
import { timeText } from "@/contract/format";
import { useMeta } from "@/contract/useMeta";
import { TableScroll } from "@/documents/TableScroll";
import { PageProblem } from "@/documents/PageProblem";

interface ParkedEvent {
  id: string;
  consumer: string;
  subject: string;
  aggregateId: string;
  error: string;
  attempts: number;
  firstTime: string;
  resolvedTime: string | null;
}

/** Events that a service could not work on: what, why, since when, and once more. */
export default function ParkedEvents() {
  const { t } = useTranslation();
  const meta = useMeta();
  const client = useQueryClient();
  const replayable = useHolds("platform.parked_event.replay");
  const [params, setParams] = useSearchParams();
  const service = params.get("service") ?? meta.services[0]?.name ?? "";
  const { data, error, isLoading, refetch } = useQuery({
    queryKey: ["platform.parked_event", service],
    queryFn: () => call<{ parkedEvents: ParkedEvent[] }>("GET", `/v1/${service}/parked-events`, { query: { pageSize: 100 } }),
  });
  const replay = useMutation({
    mutationFn: (id: string) => call<ParkedEvent>("POST", `/v1/${service}/parked-events/${id}:replay`, { body: {} }),
    onSuccess: () => {
      notifySuccess(t("parked.replayed"));
      void client.invalidateQueries({ queryKey: ["platform.parked_event", service] });
    },
  });
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("parked.title")} <span className="count">{t("list.count", { count: data?.parkedEvents.length ?? 0 })}</span></h1>
        <div className="page-tools">
          <Select
            aria-label={t("parked.service")} value={service} options={meta.services.map(({ name, title }) => ({ value: name, label: title }))} className="service-choice"
            onChange={(name: string) => setParams((before) => {
              const next = new URLSearchParams(before);
              next.set("service", name);
              return next;
            }, { replace: true })}
          />
        </div>
      </header>
      <p className="quiet">{t("parked.help")}</p>
      {problemOf({ data, error }) ? (
        <PageProblem error={error} retry={() => void refetch()} />
      ) : (
        <TableScroll busy={isLoading} label={t("parked.title")} tall>
          <Table<ParkedEvent>
            size="small" rowKey="id" loading={{ spinning: isLoading, delay: 200 }} pagination={false} dataSource={data?.parkedEvents}
            locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("parked.none")} /> }}
            columns={[
              { title: t("parked.since"), render: (_, { firstTime }) => timeText(firstTime) },
              { title: t("parked.subject"), dataIndex: "subject" },
              { title: t("parked.consumer"), dataIndex: "consumer" },
              { title: t("parked.attempts"), dataIndex: "attempts", align: "right" },
              { title: t("parked.error"), render: (_, event) => <span className="error-text">{event.error}</span> },
              {
                title: t("parked.action"),
                render: (_, { id, resolvedTime }) =>
                  resolvedTime ? t("parked.resolved", { time: timeText(resolvedTime) }) : replayable && <Button size="small" loading={replay.isPending && replay.variables === id} onClick={() => replay.mutate(id)}>{t("parked.replay")}</Button>,
              },
            ]}
          />
        </TableScroll>
      )}
    </section>
  );
}
