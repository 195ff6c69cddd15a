/** Runs a case and compares its answers with Node's. */
import { join } from "node:path";
import type { BrowserName } from "../product/browser/browsers.ts";
import type { Case, Expectation, Run } from "./case.ts";
import { openExtension, openInChromium, openPage } from "./pages.ts";
import type { Answer } from "./program/probe.ts";
import { Project } from "./project.ts";

/** What a run came to: a row of the table. */
export interface Row {
  /** The name of the case. */
  name: string;
  /** Title and version. */
  tool: string;
  what: string;
  needs: string;
  threads?: number;
  /** The error that the expectation names, as far as it matches. */
  error?: string;
  /** What differs from the expectation. */
  surprise?: string;
}

const SHOWN = 2000;
const BROWSERS: Record<BrowserName, string> = { chromium: "Chromium", firefox: "Firefox", webkit: "WebKitGTK" };

/** The part of an answer that the table shows, and what differs from the expectation. */
export function judge(
  answer: Answer,
  expected: Expectation,
  bits: string,
  browser?: BrowserName,
): Pick<Row, "threads" | "error" | "surprise"> {
  const { error, product, threads } = answer;
  if ("error" in expected) {
    const match = error?.match(expected.error);
    if (match) return { error: match[0] };
    return { surprise: error === undefined ? "it works" : error.slice(0, SHOWN) };
  }
  if (error !== undefined) return { surprise: error.slice(0, SHOWN) };
  if (product !== "[[19,22],[43,50]]") return { surprise: `the product is ${product}` };
  if (answer.bits?.length !== 3 || answer.bits.some((hash) => hash !== bits)) {
    return { surprise: `other bits: ${answer.bits}, not ${bits}` };
  }
  const wanted = (browser && expected.but?.[browser]) ?? expected.threads;
  return threads === wanted ? { threads } : { threads, surprise: `${threads} threads` };
}

/** The last line of a command's output, which is the answer; else its errors. */
function answerIn({ succeeded, output, errors }: Awaited<ReturnType<Project["run"]>>): Answer {
  const line = output
    .split("\n")
    .reverse()
    .find((text) => text.startsWith("{") && text.endsWith("}"));
  return succeeded && line ? JSON.parse(line) : { error: `${errors}\n${output}`.trim() };
}

interface Answered {
  browser?: BrowserName;
  answer: Answer;
}

/** The answers of a run: one, or one for each browser. */
async function answersOf(
  run: Run,
  project: Project,
  folder: string,
  browsers: readonly BrowserName[],
  server?: string,
): Promise<Answered[]> {
  if ("command" in run) return [{ answer: answerIn(await project.run(run.command)) }];
  if ("extension" in run) return [{ answer: await openExtension(join(folder, run.extension), "/index.html") }];
  if ("request" in run) {
    const text = await (await fetch(server + run.request)).text();
    const [json] = text.match(/\{"(product|error)".*?\}/) ?? [];
    return [{ answer: json ? JSON.parse(json) : { error: text } }];
  }
  if (server) return [{ browser: "chromium", answer: await openInChromium(server + run.page) }];
  const answers: Answered[] = [];
  for (const browser of run.browsers ?? (["chromium"] as const)) {
    if (!browsers.includes(browser)) continue;
    const answer = openPage(browser, folder, run.page, run.headers ?? {});
    answers.push({ browser, answer: await answer.catch((error) => ({ error: String(error) })) });
  }
  return answers;
}

export interface Settings {
  /** The packed library. */
  tarball: string;
  /** The bits of Node. */
  bits: string;
  browsers: readonly BrowserName[];
  /** Whether projects stay. */
  keep: boolean;
}

/** Makes a case's project, builds it and runs it. */
export async function runCase(theCase: Case, { tarball, bits, browsers, keep }: Settings): Promise<Row[]> {
  const project = await Project.make(theCase, tarball);
  if (keep) console.log(`  ${project.folder}`);
  try {
    const tool = `${theCase.title} ${await project.versionOf(theCase.tool)}`;
    let failure: Answer | undefined;
    for (const command of theCase.build ?? []) {
      const result = await project.run(command);
      if (!result.succeeded) failure ??= { error: `${command}: ${result.errors}\n${result.output}`.trim() };
    }
    let server: string | undefined;
    if (theCase.server && !failure) {
      server = await project.startServer(theCase.server).catch((error) => {
        failure = { error: String(error) };
        return undefined;
      });
    }
    const rows: Row[] = [];
    for (const run of theCase.runs) {
      const answers = failure
        ? [{ answer: failure }]
        : await answersOf(run, project, join(project.folder, theCase.folder ?? ""), browsers, server).catch(
            (error): Answered[] => [{ answer: { error: String(error) } }],
          );
      for (const { browser, answer } of answers) {
        const what = [run.what, browser && BROWSERS[browser]].filter(Boolean).join(", ");
        const needs = run.needs ?? theCase.needs ?? "";
        rows.push({ name: theCase.name, tool, what, needs, ...judge(answer, run.expect, bits, browser) });
      }
    }
    return rows;
  } finally {
    project.remove(keep);
  }
}
