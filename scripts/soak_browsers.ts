/**
 * Checks that memory stays flat in a browser (see soak_page.mjs).
 * usage: tsx scripts/soak_browsers.ts [seconds] [browser] [program …]
 */
import { askPage, type BrowserName, ISOLATION, withPackage } from "../test/product/browser/browsers.ts";
import { isFlat, SAMPLES, type Sample, shown } from "./soak_samples.ts";

const [seconds = "60", browser = "chromium", ...names] = process.argv.slice(2);

for (const program of names.length > 0 ? names : ["loop", "tasks"]) {
  const page = `<!doctype html>
<script type="module">
  const post = (answer) => fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
  try {
    const { soak } = await import("/scripts/soak_page.mjs");
    post(await soak(${JSON.stringify(program)}, ${Number(seconds)}, ${SAMPLES}));
  } catch (error) {
    post({ error: String(error) });
  }
</script>`;
  const limit = Number(seconds) * 1000 + 120_000;
  const answer = (await askPage(browser as BrowserName, ISOLATION, withPackage(page), limit)) as {
    error?: string;
    count: number;
    samples: Sample[];
  };
  if (answer.error === undefined) {
    answer.samples.forEach((sample, i) => {
      console.log(`${program} ${(((i + 1) * Number(seconds)) / SAMPLES).toFixed(0)} s: ${shown(sample)}`);
    });
    console.log(`${browser}, ${program}: ${answer.count} rounds`);
    if (isFlat(program, answer.samples)) continue;
  } else console.log(`${browser}, ${program}: FAILED: ${answer.error}`);
  process.exitCode = 1;
}
