import { useTranslation } from "react-i18next";
import type { ChartUnit } from "@/contract/types";

interface Props {
  units: ChartUnit[];
  chosen: string;
  onChoose: (id: string) => void;
  label: string;
}

/** The units as boxes below each other, each a button; it scrolls both ways. */
export function OrganisationBoxes({ units, chosen, onChoose, label }: Props) {
  const { t } = useTranslation();
  const below = (parent: string): ChartUnit[] => units.filter(({ parentId }) => parentId === parent);
  const list = (parent: string) => {
    const some = below(parent);
    if (some.length === 0) return null;
    return (
      <ul>
        {some.map((unit) => (
          <li key={unit.departmentId}>
            <button type="button" className={unit.departmentId === chosen ? "org-box chosen" : "org-box"} aria-pressed={unit.departmentId === chosen} onClick={() => onChoose(unit.departmentId)}>
              <strong>{unit.name}</strong>
              <span>{unit.actingName ? t("organisation.acting", { name: unit.actingName }) : unit.headName || "—"}</span>
              <small>{t("organisation.people", { count: unit.peopleCount })}</small>
            </button>
            {list(unit.departmentId)}
          </li>
        ))}
      </ul>
    );
  };
  return <div className="org-chart" role="region" aria-label={label} tabIndex={0}>{list("")}</div>;
}
