// The chat room: a text goes to the server, and comes back to everyone as
//
//     <text> (From Server,Session ID=<n>)

import { ask, reasonFor } from "./ask.js";
import { Backoff, seconds } from "./mech/mould.js";
import { withToken } from "./token.js";

function begin() {
  part("say").addEventListener("submit", say);
  document.addEventListener("visibilitychange", count);
  setInterval(count, COUNT_MS);
  open();
}

function open() {
  show("connecting");
  const url = withToken("/ws/asset");
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  socket.addEventListener("open", opened);
  socket.addEventListener("message", ({ data }) => hear(data));
  socket.addEventListener("close", lost);
}

function opened() {
  backoff.reset();
  said = [];
  me = undefined;
  show("open", "say something to learn your session’s number");
  part("send").disabled = false;
  count();
}

async function lost({ code, reason }) {
  part("send").disabled = true;
  const wasOpen = part("status").dataset.state === "open";
  if (wasOpen) aside("The connection is lost. What is said now does not come here.");
  const why = await reasonFor(new Error(`close code ${code} ${reason}`.trim()));
  if (why.isFinal || code === POLICY) {
    show("closed", why.isFinal ? why.message : `${reason}: open this page as /chat?token=…`);
    return;
  }
  const pause_ms = backoff.wait(open);
  show("retrying", `in ${seconds(pause_ms)}: ${why.message}`);
}

function say(submit) {
  submit.preventDefault();
  const field = part("text");
  if (field.value === "" || socket.readyState !== WebSocket.OPEN) return;
  socket.send(field.value);
  said = [...said, { text: field.value, by: new Set() }].slice(-SAID_MAX);
  field.value = "";
}

function hear(data) {
  const [, text, session] = data.match(SIGNED) ?? [undefined, data];
  recognise(text, session);
  const line = document.createElement("p");
  const who = document.createElement("span");
  who.className = "who";
  who.textContent = session === undefined ? "server " : `${session} `;
  line.append(who, text);
  line.dataset.session = session ?? "";
  line.classList.toggle("is-mine", session !== undefined && session === me);
  write(line);
}

/**
 * Learns the number of one's own session. The server does not tell it; but whatever I said comes
 * back under my number, and it is not likely that another has said all the same things since.
 */
function recognise(text, session) {
  if (session === undefined) return;
  said.filter((mine) => mine.text === text).forEach(({ by }) => by.add(session));
  const echoed = said.map(({ by }) => by).filter((by) => by.size > 0);
  const always = [...new Set(echoed.flatMap((by) => [...by]))].filter((one) =>
    echoed.every((by) => by.has(one)),
  );
  const found = always.length === 1 ? always[0] : undefined;
  if (found === me) return;
  me = found;
  show("open", me === undefined ? "" : `you are session ${me}`);
  for (const line of part("log").querySelectorAll("[data-session]")) {
    line.classList.toggle("is-mine", line.dataset.session === me);
  }
}

function aside(text) {
  const line = document.createElement("p");
  line.className = "aside";
  line.textContent = text;
  write(line);
}

/** Adds a line, and follows it unless the reader has scrolled away. */
function write(line) {
  const log = part("log");
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(line);
  while (log.childElementCount > LINES_MAX) log.firstElementChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

/** Asks who is online, while somebody looks. */
async function count() {
  if (document.hidden || socket.readyState !== WebSocket.OPEN) return;
  try {
    const { online, by } = await (await ask("/online")).json();
    const parts = Object.entries(by).filter(([, of]) => of > 0);
    const list = parts.map(([mechanism, of]) => `${of} by ${mechanism}`).join(", ");
    part("online").textContent = `${online} online${list && `: ${list}`}.`;
  } catch {
    part("online").textContent = "Who is online cannot be learnt now.";
  }
}

function show(state, detail = "") {
  part("status").dataset.state = state;
  part("state").textContent = state;
  part("detail").textContent = detail;
}

function part(id) {
  return document.getElementById(id);
}

/** The last signature is the server's: whatever stands before it, a visitor wrote. */
/** RFC 6455 §7.4.1: what was said may not be said. */
const POLICY = 1008;
const SIGNED = /^([^]*) \(From Server,Session ID=(\d+)\)$/;
const SAID_MAX = 16;
const LINES_MAX = 500;
const COUNT_MS = 10_000;

const backoff = new Backoff();
let socket;
/** What I said, and which sessions have said it since; which of them is mine. */
let said = [];
let me;

begin();
