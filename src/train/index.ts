export * from "./browser.ts";
export { resumeTrainer, saveTrainer } from "./checkpoint.ts";
