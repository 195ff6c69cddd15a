/** Writes docs/compatibility.md. usage: npm run compatibility */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compatibilityPage, root } from "./page.ts";

writeFileSync(join(root, "docs/compatibility.md"), compatibilityPage());
console.log("docs/compatibility.md: written");
