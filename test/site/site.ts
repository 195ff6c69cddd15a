/** A server of the built site (`npm run site:build`), and its pages in real browsers. */
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, launch, type Page } from "puppeteer-core";
import sirv from "sirv";

const COMMANDS = {
  chrome: process.env.CHROMIUM ?? "/usr/bin/chromium",
  firefox: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
};

export type BrowserKind = keyof typeof COMMANDS;

/** The browsers that this machine has. */
export const browsers = (Object.keys(COMMANDS) as BrowserKind[]).filter((kind) => existsSync(COMMANDS[kind]));

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The pages of the built site, without those of single names of the API and of source files. */
export function sitePages(folder = "build/site"): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".html") && !/^(source|reference)\/.+\/|404/.test(file));
}

export interface SiteServer extends AsyncDisposable {
  /** The address of the site's root, with a slash at the end. */
  readonly address: string;
  /** Bytes sent for each path so far, as they went over the network. */
  readonly sent: Map<string, number>;
  /** Paths that were asked for and are not there. */
  readonly missing: string[];
}

/** A server of a folder below the path `base`. `isolated`: with the headers of an isolated page. */
export async function serveSite({ folder = "build/site", base = "/", isolated = false } = {}): Promise<SiteServer> {
  if (!existsSync(folder)) throw new Error(`${folder} is missing: run npm run site:build first`);
  const files = sirv(folder, { dev: true, setHeaders: (response) => isolated && setHeaders(response) });
  const setHeaders = (response: { setHeader(name: string, value: string): unknown }) => {
    for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
  };
  const sent = new Map<string, number>();
  const missing: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").replace(/\?.*/, "");
    response.on("close", () => sent.set(path, Number(response.getHeader("content-length") ?? 0)));
    const notFound = () => {
      missing.push(path);
      response.writeHead(404).end("not found");
    };
    if (!path.startsWith(base)) return notFound();
    request.url = path.slice(base.length - 1);
    files(request, response, notFound);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}${base}`,
    sent,
    missing,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What the driver switches off in Chromium, so that hidden tabs run as visible ones. */
const NO_THROTTLING = [
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];

/**
 * Starts a browser without a window. `throttle`: hidden tabs are slowed down as for a visitor. Under this
 * driver Firefox sometimes hangs when a worker of an isolated page starts workers: see docs/platforms.md.
 */
export function openBrowser(kind: BrowserKind, flags: string[] = [], { throttle = false } = {}): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"];
  return launch({
    browser: kind,
    executablePath: COMMANDS[kind],
    headless: true,
    protocolTimeout: 280_000,
    ignoreDefaultArgs: throttle ? NO_THROTTLING : false,
    args: kind === "chrome" ? [...args, "--no-first-run", ...flags] : flags,
  });
}

export interface OpenPage {
  page: Page;
  /** What the page has written to the console as errors, and what it has thrown. */
  errors: string[];
  /** Requests to other hosts. */
  elsewhere: string[];
}

/** Opens a page. */
export async function openPage(browser: Browser, address: string): Promise<OpenPage> {
  const page = await browser.newPage();
  const errors: string[] = [];
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    const { protocol, origin, href } = new URL(request.url());
    if (/^https?:$/.test(protocol) && origin !== new URL(address).origin) elsewhere.push(href);
  });
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(address, { waitUntil: "load" });
  return { page, errors, elsewhere };
}
