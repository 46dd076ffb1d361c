import { Button, Result } from "antd";
import { useTranslation } from "react-i18next";
import { signOut } from "./signOut";

/** For whom the sign-in succeeds and the company's books stay closed: a disabled person, an account without an employee. */
export function AccountClosed() {
  const { t } = useTranslation();
  return (
    <main className="starting">
      <Result
        status="warning" title={<h1>{t("closed.title")}</h1>} subTitle={t("closed.ask")}
        extra={<Button type="primary" onClick={() => void signOut()}>{t("frame.signOut")}</Button>}
      />
    </main>
  );
}
