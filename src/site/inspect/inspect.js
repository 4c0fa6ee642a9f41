// The inspector: who is connected, what they and the server say, and what every byte of it is for.

import { ask, reasonOf } from "../ask.js";
import { whole } from "../number.js";
import { kept, pin, pinned } from "./address.js";
import { Capture, inspectPath } from "./capture.js";
import { Connections } from "./connections.js";
import { Dissection } from "./dissection.js";
import { Messages } from "./messages.js";
import { asCurl, asHex, asRust, contentText, recording, save } from "./share.js";
import { Store } from "./store.js";

function begin() {
  part("filter").addEventListener("input", filter);
  part("filter").addEventListener("submit", (submit) => submit.preventDefault());
  part("own").addEventListener("change", ({ target }) => capture.open(target.checked));
  part("pause").addEventListener("click", () => pause(!store.isPaused));
  part("clear").addEventListener("click", clear);
  part("export").addEventListener("click", exportConnection);
  for (const [id, write] of Object.entries(COPIES)) {
    part(id).addEventListener("click", () => copy(write));
  }
  addEventListener("hashchange", follow);
  document.addEventListener("visibilitychange", readConnections);
  setInterval(readConnections, READ_MS);
  // A page that is kept for coming back to holds no connection.
  addEventListener("pagehide", () => capture.close());
  addEventListener("pageshow", ({ persisted }) => persisted && capture.open(part("own").checked));
  filter(); // browsers keep what was chosen
  follow();
  capture.open(part("own").checked);
  readConnections();
}

// What comes.

function arrived(message) {
  const { isShown, removed } = store.add(message);
  if (removed > 0) messages.removed(removed);
  if (isShown) messages.added();
  tellSoon();
  if (wanted?.connection === message.connection && message.number === wanted.message) {
    show(message, wanted);
  } else if (looked?.number === message.number && looked.time_us === message.time_us) {
    looked = message; // kept over a reload, and here again
    messages.select(message);
  }
}

function missed(words) {
  store.add({ missed: words });
  messages.added();
  tellSoon();
}

function enterState(name) {
  part("capture").dataset.state = name;
  part("state").textContent = { open: "live", connecting: "connecting" }[name] ?? "lost, retrying";
}

async function readConnections() {
  if (document.hidden || isAsking) return;
  isAsking = true;
  try {
    const answer = await ask(inspectPath("/inspect/connections"));
    const { connections: all } = await answer.json();
    const isOwn = part("own").checked;
    connections.show(all.filter(({ own }) => isOwn || !own), store.counts);
    part("nobody").hidden = all.some(({ own }) => isOwn || !own);
    say("");
  } catch (error) {
    const token = error.status === 403 ? " From afar it needs the token: /inspect?token=…" : "";
    say(`The inspector is not answered: ${reasonOf(error)}.${token}`);
  } finally {
    isAsking = false;
  }
}

// What is looked at.

/** Goes where the address says. */
function follow() {
  const place = pinned();
  if (place === undefined) return;
  choose(place.connection);
  wanted = place.message === undefined ? undefined : place;
  if (wanted === undefined) return;
  if (wanted.message.startsWith("o") && !part("own").checked) part("own").click();
  const message = kept() ?? store.find(wanted.connection, wanted.message);
  if (message) show(message, wanted);
  else {
    part("first").hidden = true;
    part("awaited").hidden = false;
  }
}

function chooseConnection(id) {
  choose(id);
  wanted = undefined;
  pin(id);
}

function choose(id) {
  store.choose(id);
  connections.select(id);
  part("whose").textContent = id === undefined ? "" : `of ${id}`;
  redraw();
}

function chooseMessage(message) {
  wanted = undefined;
  show(message);
  pin(message.connection, message);
}

function show(message, { layer, field } = {}) {
  looked = message;
  wanted = undefined;
  part("choose").hidden = true;
  part("detail").hidden = false;
  part("copy-curl").hidden = message.unit.name !== "request head";
  part("copied").hidden = true;
  part("copy-words").textContent = "";
  dissection.show(message.unit, { layer, field });
  messages.select(message);
  tellSoon();
}

function pinField(place) {
  pin(looked.connection, looked, place);
}

// What is done with it.

function filter() {
  const { words, from, heartbeats } = part("filter").elements;
  store.filter({ words: words.value, from: from.value, hidesHeartbeats: heartbeats.checked });
  redraw();
}

function pause(isNow) {
  store.pause(isNow);
  part("pause").textContent = isNow ? "Go on" : "Pause";
  part("pause").setAttribute("aria-pressed", String(isNow));
  if (!isNow) redraw();
  tellSoon();
}

function clear() {
  store.clear();
  redraw();
}

function exportConnection() {
  const id = store.connection ?? looked?.connection;
  save(`pushscope-${id}.json`, recording(store.of(id)));
}

async function copy(write) {
  const text = write(looked);
  try {
    await navigator.clipboard.writeText(text);
    part("copied").hidden = true;
    part("copy-words").textContent = "Copied.";
  } catch {
    // No clipboard over plain HTTP from another host: to be copied by hand.
    part("copied").textContent = text;
    part("copied").hidden = false;
    getSelection().selectAllChildren(part("copied"));
    part("copy-words").textContent = "Selected: press Ctrl+C.";
  }
}

function curlOf(message) {
  const behind = store.after(message);
  return asCurl(message, behind && contentText(behind));
}

// What is told.

function redraw() {
  messages.show(store.shown, { showsConnection: store.connection === undefined });
  tellSoon();
}

/** At the browser's pace, however fast the messages come. */
function tellSoon() {
  telling ??= requestAnimationFrame(() => {
    telling = undefined;
    tell();
  });
}

function tell() {
  const { all, shown, waiting, dropped } = store;
  const words = [`${whole(all.length)} ${all.length === 1 ? "message" : "messages"}`];
  if (shown.length < all.length - waiting) words.push(`${whole(shown.length)} shown`);
  if (waiting > 0) words.push(`${whole(waiting)} since the pause`);
  if (dropped > 0) words.push(`${whole(dropped)} older ones let go`);
  part("count").textContent = words.join(", ");
  part("nothing").hidden = shown.length > 0;
  part("none-yet").hidden = all.length > 0;
  part("none-match").hidden = all.length === 0;
  part("export").disabled = store.connection === undefined && looked === undefined;
}

function say(notice) {
  if (part("notice").textContent !== notice) part("notice").textContent = notice;
}

function part(id) {
  return document.getElementById(id);
}

const COPIES = { "copy-curl": curlOf, "copy-hex": asHex, "copy-rust": asRust };
const READ_MS = 1_000;

const store = new Store();
const connections = new Connections(part("connections"), chooseConnection);
const messages = new Messages(part("messages"), chooseMessage);
const dissection = new Dissection(part("dissection"), { pinned: pinField });
const capture = new Capture({ message: arrived, missed, state: enterState });

/** The message that is looked at, and the one that the address wants and that has not come. */
let looked;
let wanted;
let isAsking = false;
let telling;

begin();
