import { useTranslation } from "react-i18next";
import { isPast, lasting, timeText } from "@/contract/format";

/** Until when an answer is expected, and for how long that is past, in words. */
export function DueTime({ due }: { due: string | null }) {
  const { t } = useTranslation();
  if (!due) return null;
  const overdue = isPast(due);
  return (
    <time dateTime={due} title={timeText(due)} className={overdue ? "due late" : "due"}>
      {overdue ? t("approval.overdue", { time: lasting(due) }) : t("approval.due", { time: timeText(due) })}
    </time>
  );
}
