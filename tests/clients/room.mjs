// Where a check of the pages takes place: browser contexts whose complaints are collected, and a
// relay that can lose connections.

import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { chromium } from "playwright-core";

export function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/** The contexts of one check, and everything that their pages complained of. */
export class Room {
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
  async page(path, { at = this.#base, clock, ...options } = {}) {
    const page = await (await this.context(options)).newPage();
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

export const VIEWPORTS = {
  wide: { width: 1280, height: 900 },
  narrow: { width: 320, height: 640 },
};
const PATIENCE_MS = 30_000;

/** A root user’s Chromium has no sandbox; the rest keeps it from calling home. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
