// A hookproof with a simulated Genesys Cloud, a place for its spans, and a headless Chromium: real processes on loopback.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

export const token = "a token of the browser tests alone";
const secret = "a secret of the browser tests alone";

// freePort returns a port of loopback that nobody listened on a moment ago.
async function freePort() {
  const s = createSocket().listen(0, "127.0.0.1");
  await once(s, "listening");
  const { port } = s.address();
  s.close();
  await once(s, "close");
  return port;
}

// until polls for what a person would wait for.
export async function until(what, ok, patience = 60_000) {
  for (const end = Date.now() + patience; Date.now() < end; await new Promise((done) => setTimeout(done, 100))) {
    const value = await ok();
    if (value) return value;
  }
  throw new Error(`${what}: not after ${patience / 1000} s`);
}

export async function start() {
  const dir = mkdtempSync(join(tmpdir(), "console-"));
  writeFileSync(join(dir, "token"), token + "\n", { mode: 0o600 });
  const spans = createServer((_, answer) => answer.end()).listen(0, "127.0.0.1"); // takes what is exported and keeps nothing
  await once(spans, "listening");
  const [listen, admin, demo] = await Promise.all([freePort(), freePort(), freePort()]);
  const logs = [];
  const env = {
    PATH: process.env.PATH, HOME: dir, WEBHOOK_SECRET: secret, ALLOWED_IPS: "127.0.0.1", HOOKPROOF_TRUSTED_PROXIES: "127.0.0.1",
    HOOKPROOF_DATA_DIR: join(dir, "data"), HOOKPROOF_AUDIT: "off", HOOKPROOF_LISTEN: `127.0.0.1:${listen}`, HOOKPROOF_NATS_LISTEN: "",
    HOOKPROOF_ADMIN_LISTEN: `127.0.0.1:${admin}`, HOOKPROOF_DEMO_LISTEN: `127.0.0.1:${demo}`, HOOKPROOF_ADMIN_TOKEN_FILE: join(dir, "token"),
    HOOKPROOF_TRACE_URL: "http://127.0.0.1:16686/trace/{trace}", OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${spans.address().port}`,
  };
  let hookproof, ended;
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
  const url = `http://127.0.0.1:${admin}`;
  const rig = {
    url, browser,
    // launch starts hookproof, on the data of the one before.
    async launch() {
      hookproof = spawn(process.env.HOOKPROOF, ["all", "--demo"], { env, stdio: ["ignore", "pipe", "pipe"] });
      for (const out of [hookproof.stdout, hookproof.stderr]) out.on("data", (text) => logs.push(text));
      ended = once(hookproof, "exit");
      await until("hookproof is ready", async () => {
        if (hookproof.exitCode !== null) throw new Error("hookproof ended");
        return (await fetch(url + "/readyz").catch(() => ({ ok: false }))).ok;
      });
    },
    // open opens the console as somebody sees it who knows the token, and notes what the browser complains of.
    async open(look = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, httpCredentials: { username: "", password: token }, ...look });
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      const page = await context.newPage();
      page.complaints = [];
      page.on("console", (m) => ["error", "warning"].includes(m.type()) && page.complaints.push(m.text()));
      page.on("pageerror", (e) => page.complaints.push(e.message));
      page.on("dialog", (d) => (page.complaints.push("dialog: " + d.message()), d.dismiss()));
      page.on("request", (r) => r.url().startsWith(url + "/") || page.complaints.push("request to " + r.url()));
      await page.goto(url + "/console");
      await page.locator("#link[data-state=live]").waitFor();
      return page;
    },
    closePages: () => Promise.all(browser.contexts().map((context) => context.close())),
    // forge sends a request that is rejected, and returns its id.
    async forge(headers = {}) {
      const answer = await fetch(`http://127.0.0.1:${listen}/webhooks/genesys`, {
        method: "POST", body: "{}", headers: { "X-Genesys-Timestamp": String(Date.now()), "X-Genesys-Signature": "forged", ...headers },
      });
      if (!answer.ok) throw new Error(`the ingress answered ${answer.status}`);
      return (await answer.json()).id;
    },
    // stop ends hookproof as a service manager does, and returns its exit code.
    async stop() {
      hookproof.kill("SIGTERM");
      return (await ended)[0];
    },
    async close() {
      await browser.close();
      if (hookproof.exitCode === null) await rig.stop();
      spans.close();
      rmSync(dir, { recursive: true });
    },
  };
  try {
    await rig.launch();
  } catch (e) {
    await rig.close();
    throw new Error(e.message + "\n" + logs.join(""));
  }
  return rig;
}
