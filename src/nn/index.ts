export * as functional from "./functional/index.ts";
