import { context } from "@/api/context";
import { call } from "@/api/http";
import { forgetRecents } from "./recent";

/** Here, or on every device: then a copied session ends too. */
export async function signOut(where: "" | "?everywhere=true" = ""): Promise<void> {
  // what is asked meanwhile is told that nobody is signed in: that must not lead to the provider, who still knows the person
  context.leaving = true;
  try {
    const { redirect } = await call<{ redirect: string }>("POST", `/auth/logout${where}`);
    forgetRecents();
    location.assign(redirect);
  } catch (problem) {
    context.leaving = false;
    throw problem;
  }
}
