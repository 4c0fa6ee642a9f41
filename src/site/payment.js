// A payment seen from the shop: an event stream per order, ended by the event `finish`.
//
//     GET /orderpay?payid=5f1c…            GET /payback?payid=5f1c…       (the phone)
//     retry: 1000
//     data: Connection succeeded
//     data: User payment succeeded                                        (then, for the phone)
//     id: 6666, event: finish, data: ha-ha

import { ask, reasonFor, reasonOf } from "./ask.js";
import { copies } from "./copy.js";
import { CURL_TOKEN, withToken } from "./token.js";

function begin() {
  part("pay").addEventListener("click", pay);
  part("confirm").addEventListener("click", confirm);
  copies(part("copy-order"), part("curl-order"));
  copies(part("copy-phone"), part("curl-phone"));
  newOrder();
}

function newOrder() {
  order = randomId();
  part("order").textContent = order;
  const line = (flags, path) => `curl${flags} '${location.origin}${path}?payid=${order}'`;
  part("curl-order").textContent = line(` -N${CURL_TOKEN}`, "/orderpay");
  part("curl-phone").textContent = line(CURL_TOKEN, "/payback");
}

/** The shop: opens the stream of its order. */
function pay() {
  if (part("verdict").dataset.verdict === "paid") newOrder();
  began_ms = performance.now();
  connections = 0;
  part("timeline").replaceChildren();
  part("pay").disabled = true;
  part("confirm").disabled = false;
  part("asked").textContent = "The shop asks for € 5.70.";
  part("answered").textContent = "";
  judge("waiting", "Waiting for the phone …");
  show("connecting");

  source = new EventSource(withToken(`/orderpay?payid=${order}`));
  source.addEventListener("open", opened);
  source.addEventListener("message", ({ data }) => record("message", data, meaningOf(data)));
  source.addEventListener("finish", finish);
  source.addEventListener("error", lost);
}

function opened() {
  connections += 1;
  show("open", connections === 1 ? "" : `connection ${connections}`);
  const how = connections === 1 ? "the stream is open" : "open again, by no line of this page";
  record("open", "", how);
}

function finish({ data, lastEventId }) {
  record("finish", data, `id ${lastEventId}: the page closes the stream, or it would come back`);
  source.close();
  show("closed", "by the page");
  judge("paid", "Paid.");
  part("confirm").disabled = true;
  part("asked").textContent = "Thank you.";
  part("pay").disabled = false;
  part("pay").textContent = "Order another, for € 5.70";
}

async function lost() {
  if (source.readyState === EventSource.CONNECTING) {
    show("retrying", "EventSource does it by itself");
    record("error", "", "the server has ended the response; EventSource will ask again");
    return;
  }
  const why = await reasonFor(new Error("EventSource gave up"));
  show("closed", why.message);
  record("error", "", "EventSource gave up: the answer was no event stream");
  judge("waiting", "The shop cannot be told.");
  part("pay").disabled = false;
}

/** The phone: confirms the payment, by a request of its own. */
async function confirm() {
  part("confirm").disabled = true;
  part("answered").textContent = "…";
  try {
    const answer = await ask(`/payback?payid=${order}`);
    part("answered").textContent = `The server says: ${await answer.text()}`;
  } catch (error) {
    part("answered").textContent = `Not confirmed: ${reasonOf(error)}.`;
  }
  // What was confirmed while the shop was away may not have reached it: then, once more.
  part("confirm").disabled = part("verdict").dataset.verdict === "paid";
}

function meaningOf(data) {
  if (data === "Connection succeeded") return "the server’s greeting on each connection";
  if (data === "User payment succeeded") return "what the phone has confirmed";
  return "";
}

/** Adds a row to the timeline. */
function record(event, data, meaning) {
  const row = part("timeline").insertRow();
  const after_s = (performance.now() - began_ms) / 1000;
  row.insertCell().textContent = `${after_s.toFixed(2)} s`;
  row.insertCell().textContent = event;
  const cell = row.insertCell();
  cell.textContent = data;
  cell.className = "text";
  row.insertCell().textContent = meaning;
  row.dataset.event = event;
  if (part("timeline").rows.length > ROWS_MAX) part("timeline").deleteRow(0);
}

function judge(verdict, text) {
  part("verdict").dataset.verdict = verdict;
  part("verdict").textContent = text;
}

function show(state, detail = "") {
  part("status").dataset.state = state;
  part("state").textContent = state;
  part("detail").textContent = detail;
}

/** 64 bits by chance. Not `crypto.randomUUID`: plain HTTP from another host does not have it. */
function randomId() {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}

function part(id) {
  return document.getElementById(id);
}

const ROWS_MAX = 200;

/** The order, its stream, when it began, and how often the stream was opened. */
let order;
let source;
let began_ms;
let connections;

begin();
