// What a person does with the console, in a real browser: see it follow, use it by keyboard and on a phone, in light and dark.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";

import axe from "axe-core";

import { start, until } from "./rig.mjs";

const shots = process.env.SHOTS ?? "shots";
const phone = { viewport: { width: 390, height: 844 } };
let rig;

before(async () => {
  mkdirSync(shots, { recursive: true });
  rig = await start();
});
afterEach(() => rig.closePages());
after(() => rig?.close());

const row = (page, id) => page.locator("#part-refused tr", { hasText: id });

test("the token is asked for", async () => {
  for (const path of ["/console", "/console/events", "/webhooks/audit/log"]) {
    const answer = await fetch(rig.url + path);
    assert.equal(answer.status, 401, path);
    assert.match(answer.headers.get("www-authenticate"), /^Basic /);
  }
  assert.equal((await fetch(rig.url + "/healthz")).status, 200);
  assert.equal((await fetch(rig.url + "/metrics")).status, 200);
});

test("a forged request shows up without a reload, with its reason, trace and command", async () => {
  const page = await rig.open();
  await page.evaluate(() => (window.loaded = "once"));
  const id = await rig.forge();
  await row(page, id).waitFor();
  assert.equal(await page.evaluate(() => window.loaded), "once");
  assert.match(await row(page, id).innerText(), /SIGNATURE_MISMATCH/);
  assert.match(await row(page, id).locator("a").getAttribute("href"), /^http:\/\/127\.0\.0\.1:16686\/trace\/[0-9a-f]{32}$/);
  await row(page, id).getByRole("button").click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "hookproof explain " + id);
  await page.locator("#part-reasons tr", { hasText: "SIGNATURE_MISMATCH" }).getByRole("button").click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "hookproof redrive --webhook genesys --reason SIGNATURE_MISMATCH --since 1h --dry-run");
  assert.ok((await page.locator("#part-refused tr").count()) <= 50);
  assert.deepEqual(page.complaints, []);
});

test("what a stranger wrote stays text", async () => {
  const page = await rig.open();
  const hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>";
  const id = await rig.forge({ "X-Genesys-Signature": hostile, "X-Genesys-Timestamp": hostile, "User-Agent": hostile, traceparent: hostile, "X-Forwarded-For": hostile });
  await row(page, id).waitFor();
  assert.equal(await page.locator("script").count(), 1);
  assert.equal(await page.locator("img").count(), 0);
  assert.deepEqual(page.complaints, []);
});

test("it is used by keyboard: skip, pause, go on", async () => {
  const page = await rig.open();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.locator("#pause").focus();
  await page.keyboard.press("Space");
  assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
  const id = await rig.forge();
  const other = await rig.open();
  await row(other, id).waitFor();
  assert.equal(await row(page, id).count(), 0, "a row came while the page was paused");
  await page.keyboard.press("Space");
  await row(page, id).waitFor();
});

test("the focus stays where it is while parts change", async () => {
  const page = await rig.open();
  const button = page.locator("#part-reasons button").first();
  await button.focus();
  const command = await button.evaluate((b) => (b.dataset.former = "yes") && b.dataset.copy);
  await rig.forge();
  await until("the button was put anew", async () => (await page.locator("[data-former]").count()) === 0);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.copy), command);
});

test("a tab that nobody sees does not follow, and catches up", async () => {
  const page = await rig.open();
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  const id = await rig.forge();
  const other = await rig.open();
  await row(other, id).waitFor();
  assert.equal(await row(page, id).count(), 0);
  await hide(false);
  await row(page, id).waitFor();
});

test("nothing moves for who does not want it", async () => {
  const page = await rig.open({ reducedMotion: "reduce" });
  const id = await rig.forge();
  await row(page, id).waitFor();
  assert.equal(await row(page, id).locator("td").first().evaluate((cell) => getComputedStyle(cell).animationName), "none");
});

for (const [name, look] of Object.entries({
  light: { colorScheme: "light" }, dark: { colorScheme: "dark" },
  "phone-light": { colorScheme: "light", ...phone }, "phone-dark": { colorScheme: "dark", ...phone },
})) {
  test(`${name}: accessible, and nothing runs over the edge`, async () => {
    const page = await rig.open(look);
    await until("rows and plots", async () => (await page.locator("#part-refused tr").count()) > 5 && (await page.locator(".plot .line").count()) >= 2);
    await page.locator("summary").click();
    await page.locator("#pause").click(); // so that what is looked at does not change meanwhile
    await page.waitForFunction(() => document.getAnimations().length === 0);
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => axe.run(document, { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } }));
    assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`), []);
    assert.ok(found.passes.length > 20, `only ${found.passes.length} rules had something to look at`);
    for (const width of [look.viewport?.width ?? 1280, 700, 360]) {
      await page.setViewportSize({ width, height: 800 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(over <= 0, `${over} px over the edge at a width of ${width}`);
    }
    assert.deepEqual(page.complaints, []);
  });
}

test("screenshots", async () => {
  for (const [name, look] of Object.entries({ light: { colorScheme: "light" }, dark: { colorScheme: "dark" }, "phone-light": { colorScheme: "light", ...phone }, "phone-dark": { colorScheme: "dark", ...phone } })) {
    const page = await rig.open({ reducedMotion: "reduce", ...look });
    await until("plots", async () => (await page.locator(".plot .line").count()) >= 3);
    const picture = await page.screenshot({ path: `${shots}/${name}.png` });
    assert.ok(picture.length > 10_000, `${name} has ${picture.length} bytes`);
  }
});

// The last one: it ends hookproof.
test("a page outlives the process: it says so, keeps what it knew, and follows the next one", async () => {
  const page = await rig.open();
  const id = await rig.forge();
  await row(page, id).waitFor();
  const began = Date.now();
  assert.equal(await rig.stop(), 0);
  assert.ok(Date.now() - began < 10_000, "a page that follows kept hookproof from ending");
  await page.locator("#link[data-state=lost]").waitFor();
  assert.equal(await row(page, id).count(), 1);
  await rig.launch();
  await page.locator("#link[data-state=live]").waitFor();
  const next = await rig.forge();
  await row(page, next).waitFor();
});
