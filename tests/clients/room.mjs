// Where a check of the pages takes place: browser contexts whose complaints are collected, and a
// relay that can lose connections.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import axe from "axe-core";
import { chromium } from "playwright-core";

/** The server, where screenshots go, and words of the checks that are wanted. */
export const [base, shots, only = ""] = process.argv.slice(2);

/** What names of this run begin with. */
export const run = `${process.pid}-${Date.now().toString(36)}`;

/** Performs checks `[name, async (room) => …]`, one after the other, counts them, and exits. */
export async function perform(checks) {
  if (!base) {
    console.error("usage: node <file> <base URL> [<directory for screenshots> [<words>]]");
    process.exit(2);
  }
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS });
  const wanted = checks.filter(([name]) => name.includes(only));
  let failed = 0;
  for (const [name, check] of wanted) {
    const room = new Room(browser, base);
    try {
      await check(room);
      room.verify();
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${inspect(error)}\n${room.complaints.join("\n")}`);
    } finally {
      await room.close();
    }
  }
  await browser.close();
  console.log(`${wanted.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

/** A page is accessible and fits, opened wide and opened narrow, in light and in dark. */
export async function assertLooks(name, open) {
  if (shots) await mkdir(shots, { recursive: true });
  for (const [size, viewport] of Object.entries(VIEWPORTS)) {
    const page = await open({ viewport });
    await page.evaluate(axe.source);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      // What moves is looked at where it comes to rest.
      await page.evaluate(() => document.getAnimations().forEach((one) => one.finish()));
      const look = `${name}-${size}-${colorScheme}`;
      if (shots) await page.screenshot({ path: join(shots, `${look}.png`), fullPage: true });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= viewport.width, `${look} is ${width} pixels wide`);
      assert.deepEqual(await axeViolations(page), [], look);
    }
    await page.context().close();
  }
}

/** What axe finds; of what it passes only the number leaves the page, for telling all is slow. */
async function axeViolations(page) {
  const { violations, passed } = await page.evaluate(async () => {
    const { violations, passes } = await window.axe.run({ resultTypes: ["violations"] });
    return { violations, passed: passes.length };
  });
  assert.ok(passed > 15, "axe had something to look at");
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => node.html).join("\n")}`,
  );
}

export function newChannel() {
  channels += 1;
  return `browser-${run}-${channels}`;
}

/** The contexts of one check, and everything that their pages complained of. */
class Room {
  complaints = [];
  /** Complaints that are part of the check. */
  expected = [];
  #closers = [];
  #browser;
  #base;

  constructor(browser, base) {
    this.#browser = browser;
    this.#base = base;
  }

  async context(options = {}) {
    const context = await this.#browser.newContext({ viewport: VIEWPORTS.wide, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI}`);
      });
    });
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    context.on("weberror", (error) => this.complaints.push(error.error().stack));
    this.#closers.push(() => context.close());
    return context;
  }

  /** A page of a new context. */
  async page(path, { at = this.#base, clock, script, ...options } = {}) {
    const page = await (await this.context(options)).newPage();
    if (script) await page.addInitScript(script);
    if (clock) await page.clock.install(); // it may be put forward
    await page.goto(at + path);
    return page;
  }

  async relay() {
    const relay = await Relay.open(this.#base);
    this.#closers.push(() => relay.close());
    return relay;
  }

  verify() {
    const unexpected = this.complaints.filter(
      (complaint) => !this.expected.some((pattern) => pattern.test(complaint)),
    );
    assert.deepEqual(unexpected, [], "the browser complained");
  }

  async close() {
    for (const close of this.#closers.reverse()) await close();
  }
}

/** A TCP relay in front of the server, which can lose every connection and take no new one. */
class Relay {
  #sockets = new Set();
  #isDown = false;
  #server;

  static async open(base) {
    const relay = new Relay();
    relay.#server = createServer((client) => relay.#accept(client, new URL(base)));
    await new Promise((listening) => relay.#server.listen(0, "127.0.0.1", listening));
    relay.url = `http://127.0.0.1:${relay.#server.address().port}`;
    return relay;
  }

  down() {
    this.#isDown = true;
    this.#sockets.forEach((socket) => socket.resetAndDestroy());
  }

  up() {
    this.#isDown = false;
  }

  #accept(client, { hostname, port }) {
    if (this.#isDown) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(Number(port) || 80, hostname);
    this.#join(client, server);
    this.#join(server, client);
  }

  #join(from, to) {
    this.#sockets.add(from);
    from.on("error", () => {}); // `close` follows
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }

  async close() {
    this.down();
    await new Promise((closed) => this.#server.close(closed));
  }
}

/** Tries again until it holds, or patience is over: then with the last reason. */
export async function eventually(what, check) {
  const end_ms = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end_ms) throw new Error(`never: ${what}`, { cause: error });
      await new Promise((later) => setTimeout(later, 20));
    }
  }
}

const VIEWPORTS = {
  wide: { width: 1280, height: 900 },
  narrow: { width: 320, height: 640 },
};
const PATIENCE_MS = 30_000;

/**
 * Each context is a window, which would load two pages for its address bar, and draw no bar.
 * One such list replaces another, so that Playwright’s is told again, as far as it is for here.
 */
const DISABLED = [
  "WebUIOmniboxPopup",
  "WebUIOmniboxAimPopup",
  "AimEnabled",
  "DestroyProfileOnBrowserClose",
  "HttpsFirstBalancedModeAutoEnable",
  "HttpsUpgrades",
  "LensOverlay",
  "MediaRouter",
  "NetworkTimeServiceQuerying",
  "OptimizationHints",
  "PaintHolding",
  "PreconnectToSearch",
];

/** A root user’s Chromium has no sandbox; the rest keeps it from calling home. */
const ARGUMENTS = [
  `--disable-features=${DISABLED}`,
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let channels = 0;
