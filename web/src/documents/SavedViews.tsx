import { DownOutlined, ShareAltOutlined, StarFilled } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Dropdown, Form, Input, Modal, Tabs, type MenuProps } from "antd";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useSearchParams } from "react-router";
import { useAction, useList, useSave } from "@/api/documents";
import { useHolds, useMe, usePreference } from "@/api/me";
import { routeOf, useGo } from "@/app/links";
import { notifySuccess } from "@/app/notify";
import type { DocumentMeta, Field } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { preferenceOf, type ListPreference } from "./listState";
import { addressOf, COLUMNS, inOrder, isBare, isTaken, LONGEST_NAME, MOST_VIEWS, moved, shownIn, unknownIn, VIEW, type SavedView } from "./savedViews";
import { ShareDialog } from "./ShareDialog";

const SAVED = "identity.saved_view";
const SHARE = `${SAVED}.share`;
const MOST = 200;
const NONE: SavedView[] = [];

/** The views of a list that the person may open, in their order, and which of them is open. */
function useViews(document: DocumentMeta) {
  const saved = useDocumentMeta(SAVED);
  const me = useMe().employee.id;
  const [params] = useSearchParams();
  const [preference, keep] = usePreference<ListPreference>(preferenceOf(document));
  const { data } = useList<SavedView>(saved, { filter: `document_type = "${document.key}"`, pageSize: MOST });
  const { order, defaultView = "" } = preference;
  const views = useMemo(() => inOrder(data?.rows ?? NONE, order ?? [], me), [data, order, me]);
  return { saved, me, views, current: views.find(({ id }) => id === params.get(VIEW)), defaultView, params, preference, keep, ready: data !== undefined };
}

/** Views that an earlier release kept among the preferences become documents, once. */
function useTakenOver(document: DocumentMeta, { saved, views, preference, keep, ready, defaultView }: ReturnType<typeof useViews>): void {
  const { mutateAsync } = useSave<SavedView>(saved);
  const earlier = preference.views;
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current || !ready || !earlier?.length) return;
    begun.current = true;
    const take = async () => {
      let first = defaultView;
      for (const { id, name, query } of earlier) {
        // what was taken over before the line was cut is not made twice
        const made = views.find((view) => view.name === name) ?? (await mutateAsync({ row: {}, values: { documentType: document.key, name, query } }));
        if (id === defaultView) first = made.id;
      }
      keep({ views: [], defaultView: first });
    };
    void take();
  }, [document.key, earlier, ready, views, defaultView, mutateAsync, keep]);
}

/** Views of a list: open one, keep what is shown as one, rename, move, share or delete it, begin with it. */
export function SavedViews({ document, columns }: { document: DocumentMeta; columns?: Field[] }) {
  const { t } = useTranslation();
  const go = useGo();
  const { pathname } = useLocation();
  const all = useViews(document);
  const { saved, me, views, current, defaultView, params, keep } = all;
  const shares = useHolds(SHARE);
  const [naming, setNaming] = useState<Partial<SavedView>>();
  const [sharing, setSharing] = useState<SavedView>();
  const [deleting, setDeleting] = useState<SavedView>();
  const store = useSave<SavedView>(saved);
  const remove = useAction(saved);
  useTakenOver(document, all);
  const first = views.find(({ id }) => id === defaultView);
  const own = views.filter(({ personId }) => personId === me);
  const shown = shownIn(params);
  const begins = first && pathname === document.route && isBare(params) ? addressOf(document.route, first) : undefined;
  useEffect(() => {
    if (begins) go(begins, { replace: true });
  }, [begins, go]);
  const open = (view?: SavedView) => go(addressOf(document.route, view), { replace: true });
  const save = useMutation({
    mutationFn: (view: Partial<SavedView>) => store.mutateAsync({ row: { id: view.id, etag: view.etag }, values: view.id ? { name: view.name, query: view.query } : { documentType: document.key, name: view.name, query: view.query } }),
    onSuccess: (view) => {
      setNaming(undefined);
      open(view);
      notifySuccess(t("views.saved", { name: view.name }));
    },
  });
  /** What is shown now; its columns too, so that whoever opens it sees the same. */
  const asView = () => {
    const said = new URLSearchParams(params);
    if (columns && !said.has(COLUMNS)) said.set(COLUMNS, columns.map(({ name }) => name).join(","));
    return shownIn(said);
  };
  const can = (action: string) => current?.allowedActions?.includes(action);
  const ids = views.map(({ id }) => id);
  const entry = (key: string, label: string, onClick: () => void, danger?: boolean) => ({ key, label, onClick, danger });
  const ofCurrent: MenuProps["items"] = current && [
    { type: "divider" },
    ...(can("update") ? [...(shown === current.query ? [] : [entry("update", t("views.update", { name: current.name }), () => save.mutate({ ...current, query: shown }))]), entry("rename", t("views.rename"), () => setNaming(current))] : []),
    ...(can("share") ? [entry("share", t("views.share"), () => setSharing(current))] : []),
    entry("default", current.id === defaultView ? t("views.noDefault") : t("views.makeDefault"), () => keep({ defaultView: current.id === defaultView ? "" : current.id })),
    ...(ids.indexOf(current.id) > 0 ? [entry("left", t("views.left"), () => keep({ order: moved(ids, current.id, -1) }))] : []),
    ...(ids.indexOf(current.id) < ids.length - 1 ? [entry("right", t("views.right"), () => keep({ order: moved(ids, current.id, 1) }))] : []),
    entry("about", t("views.about"), () => go(routeOf(saved, current.id))),
    ...(can("delete") ? [entry("delete", t("views.delete"), () => setDeleting(current), true)] : []),
  ];
  const full = own.length >= MOST_VIEWS;
  const items: MenuProps["items"] = [
    entry("standard", t("views.standard"), () => open()),
    ...views.map((view) => ({ key: view.id, label: <ViewName view={view} first={view.id === defaultView} />, onClick: () => open(view) })),
    { type: "divider" },
    { ...entry("save", full ? t("views.tooMany", { most: MOST_VIEWS }) : t("views.saveAs"), () => setNaming({ name: "", query: asView() })), disabled: full },
    ...(ofCurrent ?? []),
  ];
  const name = current ? (shown === current.query ? current.name : t("views.changed", { name: current.name })) : t("views.standard");
  return (
    <>
      <Dropdown menu={{ items, selectedKeys: [current?.id ?? "standard"], className: "tall-menu" }} trigger={["click"]}>
        <Button className="view-button" aria-label={t("views.of", { name })}><span className="view-name">{name}</span> <DownOutlined aria-hidden="true" /></Button>
      </Dropdown>
      {naming && <NameDialog view={naming} views={own} shares={shares} onClose={() => setNaming(undefined)} onSave={(view) => save.mutate(view)} />}
      {sharing && <ShareDialog saved={saved} view={sharing} onClose={() => setSharing(undefined)} />}
      {deleting && (
        <Modal
          open title={t("views.delete")} okText={t("views.delete")} okButtonProps={{ danger: true, loading: remove.isPending }} cancelText={t("action.cancel")} onCancel={() => setDeleting(undefined)}
          onOk={() =>
            remove.mutate({ action: "delete", id: deleting.id, body: {} }, {
              onSuccess: () => {
                setDeleting(undefined);
                open();
              },
            })
          }
        >
          {deleting.sharing === "PRIVATE" ? t("views.deleteConsequence", { name: deleting.name }) : t("views.deleteShared", { name: deleting.name })}
        </Modal>
      )}
    </>
  );
}

function ViewName({ view, first }: { view: SavedView; first: boolean }) {
  const { t } = useTranslation();
  return (
    <>
      {view.sharing !== "PRIVATE" && <ShareAltOutlined role="img" aria-label={t("views.isShared")} />} {view.name} {first && <StarFilled aria-label={t("views.isDefault")} role="img" />}
    </>
  );
}

/** The views as tabs, where there are any, and what of the open one this reader's list cannot show. */
export function ViewTabs({ document, listed = document }: { document: DocumentMeta; listed?: DocumentMeta }) {
  const { t } = useTranslation();
  const go = useGo();
  const { views, current, defaultView, params } = useViews(document);
  const left = current ? unknownIn(listed, params) : [];
  if (views.length === 0) return null;
  return (
    <>
      <Tabs
        className="view-tabs" size="small" activeKey={current?.id ?? ""} aria-label={t("views.tabs")}
        items={[{ key: "", label: t("views.standard") }, ...views.map((view) => ({ key: view.id, label: <ViewName view={view} first={view.id === defaultView} /> }))]}
        onTabClick={(key) => go(addressOf(document.route, views.find(({ id }) => id === key)), { replace: true })}
      />
      {left.length > 0 && <Alert type="info" showIcon className="note" title={t("views.leftOut", { names: left.join(", ") })} />}
    </>
  );
}

function NameDialog({ view, views, shares, onClose, onSave }: { view: Partial<SavedView>; views: SavedView[]; shares: boolean; onClose: () => void; onSave: (view: Partial<SavedView>) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [name, setName] = useState(view.name ?? "");
  const taken = isTaken(views, name, view.id);
  const able = name.trim() !== "" && !taken;
  const save = () => able && onSave({ ...view, name: name.trim() });
  return (
    <Modal open title={view.name ? t("views.rename") : t("views.saveAs")} onCancel={onClose} onOk={save} okText={t("action.save")} cancelText={t("action.cancel")} okButtonProps={{ disabled: !able }}>
      <p className="consequence">{t("views.what")}{shares && t("views.whatToShare")}</p>
      <Form layout="vertical" component="div">
        <Form.Item label={t("views.name")} htmlFor={id} required validateStatus={taken ? "error" : undefined} help={taken ? t("views.taken") : undefined}>
          <Input id={id} value={name} maxLength={LONGEST_NAME} autoFocus onChange={({ target }) => setName(target.value)} onPressEnter={save} />
        </Form.Item>
      </Form>
    </Modal>
  );
}
