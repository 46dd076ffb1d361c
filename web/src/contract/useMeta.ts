import { createContext, useContext } from "react";
import type { DocumentMeta, Meta } from "./meta";

export const MetaContext = createContext<Meta | undefined>(undefined);

export function useMeta(): Meta {
  const meta = useContext(MetaContext);
  if (!meta) throw new Error("the contract is loaded before any page");
  return meta;
}

/** A document that the page is written for. */
export function useDocumentMeta(key: string): DocumentMeta {
  return useMeta().documents[key];
}
