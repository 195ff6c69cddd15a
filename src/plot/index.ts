export * from "./browser.ts";
export { savePNG } from "./png_file.ts";
