// One message, all envelopes: published once, read in six ways, and shown as each of them wraps it.

import { askInTurn, reasonOf } from "./ask.js";
import { complaint } from "./connections.js";
import { Envelope, sizeOf } from "./inspect/envelope.js";
import { inspectPath } from "./inspect/capture.js";
import { MECHANISMS } from "./ledger.js";
import { connect as iframe } from "./mech/iframe.js";
import { connect as longPoll } from "./mech/long_poll.js";
import { connect as poll } from "./mech/poll.js";
import { connect as sse } from "./mech/sse.js";
import { connect as websocket } from "./mech/websocket.js";
import { connect as xhrStream } from "./mech/xhr_stream.js";
import { Race } from "./race.js";
import { Receipt } from "./receipt.js";

function begin() {
  part("publish").addEventListener("submit", publish);
  part("envelopes").hidden = true;
  addEventListener("pagehide", leave);
  addEventListener("pageshow", ({ persisted }) => persisted && enter());
  setInterval(complain, COMPLAIN_MS);
  // Not before the page has loaded: with a forever frame in it, it never would have.
  if (document.readyState === "complete") enter();
  else addEventListener("load", enter, { once: true });
}

// Subscribing.

/** Reads the channel by all six, each after what it has received. */
function enter() {
  ways = Object.entries(CONNECT).map(([mechanism, connect]) => {
    const way = { title: MECHANISMS[mechanism], stateSince_ms: performance.now() };
    way.client = connect(channel, cursors.get(mechanism) ?? "all", {
      state: (name) => enterState(way, name),
      message: (message) => arrived(mechanism, message),
      gap: () => {},
      bytes: () => {},
    });
    return way;
  });
  tellReady();
}

function leave() {
  ways.forEach(({ client }) => client.close());
  ways = [];
}

function enterState(way, name) {
  if (way.state !== name) way.stateSince_ms = performance.now();
  way.state = name;
  tellReady();
}

function tellReady() {
  const ready = ways.filter(({ state }) => ["open", "waiting"].includes(state)).length;
  const all = ways.length;
  if (ready === all && all > 0) isReady = true;
  part("send").disabled = !isReady;
  const words = ready === all ? "All six are connected." : `${ready} of six are connected.`;
  if (part("ready").textContent !== words) part("ready").textContent = words;
}

// Publishing.

async function publish(submit) {
  submit.preventDefault();
  const text = part("text").value;
  begun_ms = performance.now();
  try {
    const request = { method: "POST", body: text };
    const answer = await askInTurn(`/c/${channel}`, request);
    const { id } = await answer.json();
    fault = "";
    await open(id);
  } catch (error) {
    fault = `Not shown: ${reasonOf(error)}.`;
  }
  complain();
}

/** A message may be here before the server's answer to its publisher is. */
function arrived(mechanism, message) {
  const delay_ms = performance.now() - begun_ms;
  cursors.set(mechanism, message.id);
  race.arrived(mechanism, message, Math.round(delay_ms));
  arrivals.push({ mechanism, id: message.id, delay_ms });
  tellArrivals();
}

function tellArrivals() {
  for (const { mechanism, id, delay_ms } of arrivals) {
    if (id === shown) envelopes.get(mechanism).arrived(delay_ms);
  }
  arrivals = arrivals.slice(-ARRIVALS_MAX);
}

/** Shows the envelopes of a message, and what was booked for it, as that comes. */
async function open(id) {
  shown = id;
  envelopes = makeEnvelopes();
  const answer = await askInTurn(inspectPath(`/c/${channel}/envelopes/${id}`));
  const { mechanisms } = await answer.json();
  if (shown !== id) return;
  part("envelopes").replaceChildren(...[...envelopes.values()].map(({ place }) => place));
  part("envelopes").hidden = false;
  part("none").hidden = true;
  const most = Math.max(...mechanisms.map(({ units }) => sizeOf(units)));
  for (const { mechanism, units } of mechanisms) envelopes.get(mechanism)?.show(units, most);
  tellArrivals();
  receipt.show(channel, id);
  timers.forEach(clearTimeout);
  timers = AGAIN_MS.map((after_ms) => setTimeout(() => askReceipt(id), after_ms));
}

async function askReceipt(id) {
  try {
    const answer = await askInTurn(`/c/${channel}/receipts/${id}`);
    const { mechanisms } = await answer.json();
    if (shown !== id) return;
    for (const share of mechanisms) envelopes.get(share.mechanism)?.booked(share);
  } catch {
    // The receipt below says what is wrong.
  }
}

function makeEnvelopes() {
  return new Map(Object.keys(CONNECT).map((mechanism) => [mechanism, new Envelope(mechanism)]));
}

function complain() {
  const notice = complaint(ways) || fault;
  if (part("notice").textContent !== notice) part("notice").textContent = notice;
}

function part(id) {
  return document.getElementById(id);
}

const CONNECT = { poll, long_poll: longPoll, iframe, xhr_stream: xhrStream, sse, websocket };
const COMPLAIN_MS = 1_000;
/** A stream has it at once, a short poll within its interval of 2 s. */
const AGAIN_MS = [150, 1_100, 2_600];
const ARRIVALS_MAX = 60;

const [name] = crypto.getRandomValues(new BigUint64Array(1));
const channel = `envelopes-${name.toString(36)}`;
const race = new Race(part("race"));
const receipt = new Receipt(part("receipt"));
/** By mechanism, the last message that was received. */
const cursors = new Map();

let envelopes = makeEnvelopes();
let ways = [];
let isReady = false;
let begun_ms = performance.now();
/** The message that is shown; when messages came, by which way. */
let shown;
let arrivals = [];
let timers = [];
let fault = "";

begin();
