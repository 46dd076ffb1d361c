import { call } from "@/api/http";
import { forgetRecents } from "./recent";

/** Here, or on every device: then a copied session ends too. */
export async function signOut(where: "" | "?everywhere=true" = ""): Promise<void> {
  const { redirect } = await call<{ redirect: string }>("POST", `/auth/logout${where}`);
  forgetRecents();
  location.assign(redirect);
}
