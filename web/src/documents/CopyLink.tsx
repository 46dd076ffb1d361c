import { LinkOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Button, Input, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { callMethod } from "@/api/documents";
import { notifySuccess } from "@/app/notify";
import { timeText } from "@/contract/format";
import { methodOf, type DocumentMeta } from "@/contract/meta";
import { Reference } from "./Reference";

interface Link {
  path: string;
  employeeId: string;
  expireTime: string;
}

/** A link to this decision, for a message elsewhere: who it is for, until when, and that it still asks to sign in. */
export function CopyLink({ document, id, size = "small" }: { document: DocumentMeta; id: string; size?: "small" | "middle" }) {
  const { t } = useTranslation();
  const [link, setLink] = useState<Link>();
  const method = methodOf(document, "link");
  const make = useMutation({ mutationFn: () => callMethod<Link>(method!, id, {}), onSuccess: setLink });
  if (!method) return null;
  const address = link ? `${location.origin}${link.path}` : "";
  const copy = async () => {
    await navigator.clipboard.writeText(address);
    notifySuccess(t("approval.linkCopied"));
    setLink(undefined);
  };
  return (
    <>
      <Button size={size} icon={<LinkOutlined />} loading={make.isPending} onClick={() => make.mutate()} data-action="link">{method.label}</Button>
      {link && (
        <Modal open title={method.label} onCancel={() => setLink(undefined)} onOk={() => void copy()} okText={t("approval.copyLink")} cancelText={t("action.close")}>
          <p>{t("approval.linkFor")} <Reference document="identity.employee" id={link.employeeId} plain /> · {t("approval.linkUntil", { time: timeText(link.expireTime) })}</p>
          <Input readOnly aria-label={method.label} value={address} onFocus={({ target }) => target.select()} />
          <p className="quiet">{t("approval.linkHelp")}</p>
        </Modal>
      )}
    </>
  );
}
