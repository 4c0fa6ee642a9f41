// The page of all mechanisms: one channel, read six ways at once.

import { announce } from "./announce.js";
import { askInTurn, reasonOf } from "./ask.js";
import { complaint } from "./connections.js";
import { copies } from "./copy.js";
import { isAfter, parse } from "./cursor.js";
import { connect as iframe } from "./mech/iframe.js";
import { connect as longPoll } from "./mech/long_poll.js";
import { Backoff } from "./mech/mould.js";
import { connect as poll } from "./mech/poll.js";
import { connect as sse } from "./mech/sse.js";
import { connect as websocket } from "./mech/websocket.js";
import { connect as xhrStream, connectByFetch } from "./mech/xhr_stream.js";
import { Panel } from "./panel.js";
import { publishes } from "./publish.js";
import { Race } from "./race.js";
import { Receipt } from "./receipt.js";
import { CURL_TOKEN, withToken } from "./token.js";

function begin() {
  part("channel").addEventListener("submit", choose);
  part("channel-name").addEventListener("input", ({ target }) => target.setCustomValidity(""));
  part("mark-read").addEventListener("click", markRead);
  part("reader").addEventListener("change", changeReader);
  part("dot").addEventListener("animationend", () => part("dot").classList.remove("has-grown"));
  publishes(part("publish"), () => channel);
  part("publish").addEventListener("published", ({ detail }) => showReceipt(detail));
  document.querySelector(".panels").addEventListener("click", askedForReceipt);
  copies(part("copy"), part("curl"));
  addEventListener("popstate", () => nameInAddress() !== channel && enter(nameInAddress()));
  addEventListener("pagehide", () => panels.forEach((panel) => panel.stop()));
  addEventListener("pageshow", ({ persisted }) => persisted && enter(channel));
  setInterval(complain, COMPLAIN_MS);
  setInterval(() => document.hidden || scheduleRefresh(), REFRESH_MS_MAX);
  // Not before the page has loaded: with a forever frame in it, it never would have.
  if (document.readyState === "complete") enter(nameInAddress());
  else addEventListener("load", () => enter(nameInAddress()), { once: true });
}

// The channel.

function choose(submit) {
  submit.preventDefault();
  const field = part("channel-name");
  field.setCustomValidity(faultOfName(field.value));
  if (!field.reportValidity() || field.value === channel) return;
  history.pushState(null, "", withToken(`?${new URLSearchParams({ channel: field.value })}`));
  enter(field.value);
}

function nameInAddress() {
  const name = new URLSearchParams(location.search).get("channel") ?? CHANNEL;
  return faultOfName(name) === "" ? name : CHANNEL;
}

/** Reads a channel by all mechanisms, from one cursor. */
async function enter(name) {
  channel = name;
  part("channel-name").value = name;
  part("curl").textContent = curlLine(name);
  panels.forEach((panel) => panel.leave());
  race.clear();
  receipt.clear();
  backoff.cancel();
  asking_ms ??= performance.now();
  try {
    const about = await askAbout(name);
    if (name !== channel) return; // another one has been chosen meanwhile
    newest = about.newest;
    mark = parse(newest);
    show(about);
    panels.forEach((panel) => panel.enter(name, newest, mark));
    fault = "";
    asking_ms = undefined;
    backoff.reset();
  } catch (error) {
    if (name !== channel) return;
    if (error.name !== "TimeoutError") asking_ms = undefined;
    fault = `The channel cannot be read: ${reasonOf(error)}.`;
    if (!error.isFinal) backoff.wait(() => enter(name));
  }
}

function faultOfName(name) {
  if (name === "") return "A channel has a name.";
  if (!name.isWellFormed()) return "The name has half a character.";
  if (/\p{Cc}/u.test(name)) return "The name has control characters.";
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) {
    return `The name has more than ${NAME_BYTES_MAX} bytes.`;
  }
  // URL standard, path state: also when they are written %2e.
  if (name === "." || name === "..") return `A browser takes ${name} for a step in the path.`;
  return "";
}

/** Quoted for a shell, where only an apostrophe ends a quotation. */
function curlLine(name) {
  const url = `${location.origin}/c/${encodeURIComponent(name).replaceAll("'", "%27")}`;
  return `curl${CURL_TOKEN} -d 'You have a red dot' '${url}'`;
}

// The red dot.

/** The newest message of a channel and how many are unread, at one instant. */
async function askAbout(name) {
  const answer = await askInTurn(`/c/${encodeURIComponent(name)}`);
  const { newest, unread } = await answer.json();
  return { newest: newest ?? NOTHING, unread };
}

function show({ newest: id, unread }) {
  const cursor = parse(id);
  // Of a channel that is gone, the mark where reading stopped is still the one to count from.
  if (id !== NOTHING) mark = { ...cursor, offset: cursor.offset - unread };
  panels.forEach((panel) => panel.read(mark));
  const dot = part("dot");
  const before = Number(dot.textContent);
  if (unread === before) return;
  dot.textContent = unread;
  dot.classList.toggle("is-lit", unread > 0);
  if (unread > before) dot.classList.add("has-grown");
  document.title = unread > 0 ? `(${unread}) ${TITLE}` : TITLE;
  announce("unread", `${unread} unread.`);
}

function arrived(panel, message, delay_ms) {
  race.arrived(panel.name, message, delay_ms);
  if (!isAfter(parse(message.id), parse(newest))) return;
  newest = message.id;
  scheduleRefresh();
}

/** Asks what is unread: soon, but not more often than one can read. */
function scheduleRefresh() {
  refresh ??= setTimeout(async () => {
    refresh = undefined;
    const name = channel;
    try {
      const about = await askAbout(name);
      if (name === channel) show(about);
    } catch {
      // The panels say what is wrong, and the next message asks again.
    }
  }, REFRESH_MS);
}

/** Marks as read what has been shown, and not what has come since. */
async function markRead() {
  if (newest === NOTHING) return;
  const query = new URLSearchParams({ upto: newest });
  try {
    await askInTurn(`/message/read/${encodeURIComponent(channel)}?${query}`, { method: "POST" });
    fault = "";
    scheduleRefresh();
  } catch (error) {
    fault = `Not marked as read: ${reasonOf(error)}.`;
  }
}

/** A message in a panel has a button for its receipt. */
function askedForReceipt({ target }) {
  const id = target.closest("[data-receipt]")?.dataset.receipt;
  if (id === undefined) return;
  receipt.show(channel, id);
  receipt.focus();
}

/** The publisher's message; where it went to is where it was published. */
function showReceipt(published) {
  if (published.channel === channel) receipt.show(channel, published.id);
}

function changeReader({ target }) {
  const panel = panels.find(({ name }) => name === "xhr_stream");
  panel.change(target.value === "fetch" ? connectByFetch : xhrStream);
}

function complain() {
  const notice = complaint(panels, asking_ms) || fault;
  if (part("notice").textContent !== notice) part("notice").textContent = notice;
}

function part(id) {
  return document.getElementById(id);
}

const MECHANISMS = { poll, long_poll: longPoll, iframe, xhr_stream: xhrStream, sse, websocket };
const CHANNEL = "10086"; // the user of the articles whose addresses the server still answers
const NOTHING = "all"; // the cursor before a log that has not begun
const NAME_BYTES_MAX = 255;
const TITLE = document.title;
const COMPLAIN_MS = 1_000;
const REFRESH_MS = 250;
const REFRESH_MS_MAX = 15_000;

const panels = Object.entries(MECHANISMS).map(
  ([name, connect]) => new Panel(part(name), connect, { arrived }),
);
const race = new Race(part("race"));
const receipt = new Receipt(part("receipt"));
const backoff = new Backoff();

/** The channel that is read, its newest message that is known, and the user's read mark. */
let channel = nameInAddress();
let newest = NOTHING;
let mark = parse(NOTHING);
/** The refresh that is due; since when the page waits for its first answer; what went wrong. */
let refresh;
let asking_ms;
let fault = "";

begin();
