import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    css: true,
    environment: "happy-dom",
    include: ["tests/**/*.test.ts"],
    restoreMocks: true,
    setupFiles: ["tests/setup.ts"],
  },
});
