/** Who is signed in, what they may do in the chosen company, and what they arranged for themselves. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Method, Row } from "@/contract/meta";
import { context } from "./context";
import { ApiError } from "./errors";
import { call } from "./http";

export interface Employee extends Row {
  code: string;
  name: string;
  username: string;
  departmentId: string;
  homeCompanyId: string;
  locale: string;
}

export interface Company extends Row {
  code: string;
  name: string;
  shortName: string;
  baseCurrency: string;
  timeZone: string;
}

export interface Me {
  employee: Employee;
  companies: Company[];
  permissions: { name: string; scope: string }[];
  companyId: string;
  todayDate: string;
  departmentName: string;
  postName: string;
}

export function meQuery(company: string) {
  return { queryKey: ["identity.me", company], queryFn: () => call<Me>("GET", "/v1/identity/me"), staleTime: 60_000 };
}

export function useMe(): Me {
  const { data } = useQuery(meQuery(context.company));
  if (!data) throw new Error("the frame loads the person before any page");
  return data;
}

function covers(granted: string, wanted: string): boolean {
  return granted === wanted || (granted.endsWith("*") && wanted.startsWith(granted.slice(0, -1)));
}

/** Whether to show something; the server decides again, whatever this says. */
export function useCan(): (method: Method | undefined) => boolean {
  const { permissions } = useMe();
  return useCallback(
    (method) => Boolean(method) && (!method!.permission || permissions.some(({ name }) => covers(name, method!.permission!))),
    [permissions],
  );
}

export function useHolds(permission: string): boolean {
  return useMe().permissions.some(({ name }) => covers(name, permission));
}

/** What the person arranged: columns, language, light or dark. An arrangement never made is empty. */
export function usePreference<T extends object>(key: string): [Partial<T>, (changes: Partial<T>) => void] {
  const client = useQueryClient();
  const queryKey = ["identity.preference", key];
  const query = {
    queryKey,
    queryFn: async (): Promise<Partial<T>> => {
      try {
        return (await call<{ value?: Partial<T> }>("GET", `/v1/identity/preferences/${encodeURIComponent(key)}`)).value ?? {};
      } catch (error) {
        if (error instanceof ApiError && error.missing) return {};
        throw error;
      }
    },
    staleTime: Infinity,
  };
  const { data } = useQuery(query);
  const { mutate } = useMutation({
    mutationFn: async (changes: Partial<T>) => {
      // what is not known yet is read first, so that nothing kept before is lost
      const value = { ...(await client.ensureQueryData(query)), ...changes };
      client.setQueryData(queryKey, value);
      await call("POST", `/v1/identity/preferences/${encodeURIComponent(key)}:set`, { body: { value } });
    },
    // it was not kept: show what is
    onError: () => client.invalidateQueries({ queryKey }),
  });
  const set = useCallback(
    (changes: Partial<T>) => {
      client.setQueryData<Partial<T>>(["identity.preference", key], (before) => before && { ...before, ...changes });
      mutate(changes);
    },
    [client, key, mutate],
  );
  return [data ?? {}, set];
}
