import { DownOutlined, StarFilled } from "@ant-design/icons";
import { Button, Dropdown, Form, Input, Modal, type MenuProps } from "antd";
import { useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useSearchParams } from "react-router";
import { newId } from "@/api/idempotency";
import { usePreference } from "@/api/me";
import { useGo } from "@/app/links";
import { notifySuccess } from "@/app/notify";
import type { DocumentMeta } from "@/contract/meta";
import { preferenceOf, type ListPreference } from "./listState";
import { addressOf, isBare, isTaken, kept, LONGEST_NAME, MOST_VIEWS, shownIn, VIEW, without, type SavedView } from "./savedViews";

/** The person's own views of a list: open one, keep what is shown as one, rename it, delete it, begin with it. */
export function SavedViews({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const go = useGo();
  const { pathname } = useLocation();
  const [params] = useSearchParams();
  const [preference, keep] = usePreference<ListPreference>(preferenceOf(document));
  const [naming, setNaming] = useState<SavedView>();
  const [deleting, setDeleting] = useState<SavedView>();
  const { views = [], defaultView = "" } = preference;
  const current = views.find(({ id }) => id === params.get(VIEW));
  const first = views.find(({ id }) => id === defaultView);
  const shown = shownIn(params);
  const begins = first && pathname === document.route && isBare(params) ? addressOf(document.route, first) : undefined;
  useEffect(() => {
    if (begins) go(begins, { replace: true });
  }, [begins, go]);
  const open = (view?: SavedView) => go(addressOf(document.route, view), { replace: true });
  const save = (view: SavedView) => {
    setNaming(undefined);
    keep(kept(views, view));
    if (view.id !== current?.id) open(view);
    notifySuccess(t("views.saved", { name: view.name }));
  };
  const choices: MenuProps["items"] = views.map((view) => ({
    key: view.id, label: <>{view.name} {view.id === defaultView && <StarFilled aria-label={t("views.isDefault")} role="img" />}</>, onClick: () => open(view),
  }));
  const ofCurrent: MenuProps["items"] = current && [
    { type: "divider" },
    ...(shown === current.query ? [] : [{ key: "update", label: t("views.update", { name: current.name }), onClick: () => save({ ...current, query: shown }) }]),
    { key: "rename", label: t("views.rename"), onClick: () => setNaming(current) },
    { key: "default", label: current.id === defaultView ? t("views.noDefault") : t("views.makeDefault"), onClick: () => keep({ defaultView: current.id === defaultView ? "" : current.id }) },
    { key: "delete", danger: true, label: t("views.delete"), onClick: () => setDeleting(current) },
  ];
  const items: MenuProps["items"] = [
    { key: "standard", label: t("views.standard"), onClick: () => open() },
    ...choices,
    { type: "divider" },
    { key: "save", label: views.length < MOST_VIEWS ? t("views.saveAs") : t("views.tooMany", { most: MOST_VIEWS }), disabled: views.length >= MOST_VIEWS, onClick: () => setNaming({ id: newId(), name: "", query: shown }) },
    ...(ofCurrent ?? []),
  ];
  const name = current ? (shown === current.query ? current.name : t("views.changed", { name: current.name })) : t("views.standard");
  return (
    <>
      <Dropdown menu={{ items, selectedKeys: [current?.id ?? "standard"], className: "tall-menu" }} trigger={["click"]}>
        <Button className="view-button" aria-label={t("views.of", { name })}><span className="view-name">{name}</span> <DownOutlined aria-hidden="true" /></Button>
      </Dropdown>
      {naming && <NameDialog view={naming} views={views} onClose={() => setNaming(undefined)} onSave={save} />}
      {deleting && (
        <Modal
          open title={t("views.delete")} okText={t("views.delete")} okButtonProps={{ danger: true }} cancelText={t("action.cancel")} onCancel={() => setDeleting(undefined)}
          onOk={() => {
            setDeleting(undefined);
            keep(without(views, deleting.id, defaultView));
            open();
          }}
        >
          {t("views.deleteConsequence", { name: deleting.name })}
        </Modal>
      )}
    </>
  );
}

function NameDialog({ view, views, onClose, onSave }: { view: SavedView; views: SavedView[]; onClose: () => void; onSave: (view: SavedView) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [name, setName] = useState(view.name);
  const taken = isTaken(views, name, view.id);
  const able = name.trim() !== "" && !taken;
  const save = () => able && onSave({ ...view, name: name.trim() });
  return (
    <Modal open title={view.name ? t("views.rename") : t("views.saveAs")} onCancel={onClose} onOk={save} okText={t("action.save")} cancelText={t("action.cancel")} okButtonProps={{ disabled: !able }}>
      <p className="consequence">{t("views.what")}</p>
      <Form layout="vertical" component="div">
        <Form.Item label={t("views.name")} htmlFor={id} required validateStatus={taken ? "error" : undefined} help={taken ? t("views.taken") : undefined}>
          <Input id={id} value={name} maxLength={LONGEST_NAME} autoFocus onChange={({ target }) => setName(target.value)} onPressEnter={save} />
        </Form.Item>
      </Form>
    </Modal>
  );
}
