import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// In development the gateway's address comes from the environment; the browser sees one origin, as in production.
const gateway = process.env.HEYI_GATEWAY_PUBLIC_URL;
const proxied = ["/v1", "/auth", "/openapi.json"];

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  server: { proxy: gateway ? Object.fromEntries(proxied.map((path) => [path, gateway])) : undefined },
  build: {
    target: "es2022", chunkSizeWarningLimit: 1200, assetsInlineLimit: 0,
    // what nearly every page shares comes in two files, not in a dozen small ones: each is a request of everybody's first
    // page. Shared by fewer, tables and calendars would come with the first page too (a third more to load).
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "libraries", test: /node_modules/, minShareCount: 18 }, { name: "shared", test: /src/, minShareCount: 18 }] } } },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
