// The WebSocket client that most servers meet: npm's ws, and beneath it a bare socket.
//
//     node ws.mjs http://127.0.0.1:7777

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import WebSocket from "ws";
import { Inbox, base, eventually, info, newChannel, publish, tally } from "./tally.mjs";

const url = base();
const MESSAGE_BYTES_MAX = 1024 * 1024;

const CHECKS = [
  ["text comes back as it went", textEcho],
  ["binary comes back as it went", binaryEcho],
  ["messages of every length around the limits of the framing", everyLength],
  ["a message in fragments, with a ping between them", fragments],
  ["a ping is answered with its data", pings],
  ["the largest message there may be", largest],
  ["a larger one is refused with 1009", tooLarge],
  ["the client's close code comes back", closeCodes],
  ["a close without a code is answered without one", closeWithoutCode],
  ["a deleted channel closes with 1000 and says why", deletedChannel],
  ["the subprotocol pushscope.json is the envelope", subprotocol],
  ["a subprotocol nobody knows is not agreed to", unknownSubprotocol],
  ["permessage-deflate is offered, and declined", deflateDeclined],
  ["text that is no UTF-8 is refused with 1007", textNotUtf8],
  ["… at its first bad byte, before the frame has ended", textNotUtf8AtOnce],
  ["an unmasked frame is refused with 1002", unmasked],
  ["pages of a foreign origin are refused with 403", foreignOrigin],
  ["a plain GET is told to upgrade", upgradeRequired],
  ["another version is told which one is spoken", otherVersion],
  ["what one client sends all subscribers receive", published],
  ["a cursor resumes where the connection was lost", resume],
  ["a cursor of another log is told of the gap", gap],
  ["the chat names the session", chat],
  ["what is said to an article's address is entered, not published", received],
];

async function textEcho() {
  const socket = await open("/echo");
  for (const text of ["", "hello", "é 🔴 \u0000 \u2028", "x".repeat(70_000)]) {
    socket.send(text);
    assert.deepEqual(await socket.inbox.next(), { data: Buffer.from(text), isBinary: false });
  }
  await closed(socket);
}

async function binaryEcho() {
  const socket = await open("/echo");
  for (const bytes of [Buffer.alloc(0), Buffer.from([0, 255, 128]), randomBytes(100_000)]) {
    socket.send(bytes);
    assert.deepEqual(await socket.inbox.next(), { data: bytes, isBinary: true });
  }
  await closed(socket);
}

async function everyLength() {
  const socket = await open("/echo");
  const lengths = [1, 124, 125, 126, 127, 128, 4095, 4096, 4097, 65_534, 65_535, 65_536, 65_537];
  for (const length of lengths) socket.send(randomBytes(length));
  for (const length of lengths) assert.equal((await socket.inbox.next()).data.length, length);
  await closed(socket);
}

async function fragments() {
  const socket = await open("/echo");
  const pong = once(socket, "pong");
  // The cut goes through a character.
  const [head, tail] = [Buffer.from("fir\u00e9").subarray(0, 4), Buffer.from("\u00e9").subarray(1)];
  socket.send(head, { fin: false, binary: false });
  socket.ping("between");
  socket.send(Buffer.alloc(0), { fin: false });
  socket.send(tail, { fin: true });
  assert.deepEqual(await pong, [Buffer.from("between")]);
  assert.deepEqual(await socket.inbox.next(), { data: Buffer.from("fir\u00e9"), isBinary: false });
  await closed(socket);
}

async function pings() {
  const socket = await open(`/c/${newChannel("ping")}/ws`);
  for (const data of [Buffer.alloc(0), randomBytes(125)]) {
    const pong = once(socket, "pong");
    socket.ping(data);
    assert.deepEqual(await pong, [data]);
  }
  await closed(socket);
}

async function largest() {
  const socket = await open("/echo");
  const bytes = randomBytes(MESSAGE_BYTES_MAX);
  socket.send(bytes);
  assert.ok((await socket.inbox.next()).data.equals(bytes));
  await closed(socket);
}

async function tooLarge() {
  const socket = await open("/echo");
  const end = once(socket, "close");
  socket.send(randomBytes(MESSAGE_BYTES_MAX + 1));
  const [code, reason] = await end;
  assert.deepEqual([code, reason.toString()], [1009, "message_too_long"]);
}

async function closeCodes() {
  for (const code of [1000, 1001, 1011, 3000, 4001, 4999]) {
    const socket = await open("/echo");
    const end = once(socket, "close");
    socket.close(code, "bye");
    assert.equal((await end)[0], code);
  }
}

async function closeWithoutCode() {
  const socket = await open("/echo");
  const end = once(socket, "close");
  socket.close();
  assert.equal((await end)[0], 1005);
}

async function deletedChannel() {
  const channel = newChannel("deleted");
  const socket = await open(`/c/${channel}/ws`);
  await subscribed(channel, 1);
  const end = once(socket, "close");
  assert.equal((await fetch(`${url}/c/${channel}`, { method: "DELETE" })).status, 200);
  const [code, reason] = await end;
  assert.deepEqual([code, reason.toString()], [1000, "the channel was deleted"]);
}

async function subprotocol() {
  const channel = newChannel("protocol");
  const socket = await open(`/c/${channel}/ws`, ["chat", "pushscope.json"]);
  assert.equal(socket.protocol, "pushscope.json");
  assert.match(JSON.parse((await socket.inbox.next()).data).next, /^\d+-0$/);
  const { id } = await publish(url, channel, "in an envelope");
  const message = JSON.parse((await socket.inbox.next()).data);
  assert.deepEqual({ ...message, time: 0 }, { id, time: 0, channel, data: "in an envelope" });
  await closed(socket);
}

async function unknownSubprotocol() {
  const socket = new WebSocket(address("/echo"), ["chat"]);
  // RFC 6455 §4.1: the client fails a connection whose server has chosen none of its own.
  const [error] = await once(socket, "error");
  assert.match(error.message, /no subprotocol/);
}

async function deflateDeclined() {
  const socket = await open("/echo", [], { perMessageDeflate: true });
  assert.equal(socket.extensions, "");
  socket.send("a".repeat(10_000));
  assert.equal((await socket.inbox.next()).data.length, 10_000);
  await closed(socket);
}

async function textNotUtf8() {
  const overlong = [0xc0, 0x80];
  const surrogate = [0xed, 0xa0, 0x80];
  for (const bytes of [[0xff], overlong, surrogate, [0xf4, 0x90, 0x80, 0x80], [0xc3]]) {
    const socket = await open("/echo");
    const end = once(socket, "close");
    socket.send(Buffer.from(bytes), { binary: false });
    assert.equal((await end)[0], 1007, String(bytes));
  }
}

async function textNotUtf8AtOnce() {
  // A text of 1,000 bytes is announced; its third byte is wrong, and no fourth one comes.
  const answer = await raw([0x81, 0xfe, 0x03, 0xe8, 0, 0, 0, 0, 0x61, 0xc3, 0xff]);
  assert.deepEqual([...answer.subarray(2, 4)], [0x03, 0xef]);
  assert.equal(answer[0], 0x88);
}

async function unmasked() {
  const answer = await raw([0x81, 0x01, 0x61]);
  assert.deepEqual([answer[0], ...answer.subarray(2, 4)], [0x88, 0x03, 0xea]);
}

async function foreignOrigin() {
  const refused = new WebSocket(address("/echo"), [], { origin: "http://foreign.example" });
  const [, response] = await once(refused, "unexpected-response");
  assert.equal(response.statusCode, 403);
  response.destroy();
  await closed(await open("/echo", [], { origin: url }));
}

async function upgradeRequired() {
  const response = await fetch(`${url}/echo`);
  assert.equal(response.status, 426);
  assert.equal(response.headers.get("sec-websocket-version"), "13");
  assert.equal((await response.json()).error.reason, "upgrade_missing");
}

async function otherVersion() {
  const socket = new WebSocket(address("/echo"), [], { protocolVersion: 8 });
  const [, response] = await once(socket, "unexpected-response");
  assert.equal(response.statusCode, 426);
  assert.equal(response.headers["sec-websocket-version"], "13");
  response.destroy();
}

async function published() {
  const channel = newChannel("published");
  const sockets = await Promise.all([1, 2, 3].map(() => open(`/c/${channel}/ws`)));
  await subscribed(channel, 3);
  sockets[0].send("to all");
  sockets[1].send(Buffer.from([1, 2, 3]));
  for (const socket of sockets) {
    const messages = [await socket.inbox.next(), await socket.inbox.next()];
    messages.sort((a, b) => Number(a.isBinary) - Number(b.isBinary));
    assert.equal(messages[0].data.toString(), "to all");
    assert.deepEqual(messages[1], { data: Buffer.from([1, 2, 3]), isBinary: true });
  }
  await Promise.all(sockets.map(closed));
}

async function resume() {
  const channel = newChannel("resume");
  const first = await open(`/c/${channel}/ws?envelope=json`);
  await first.inbox.next();
  for (const data of ["one", "two", "three"]) await publish(url, channel, data);
  await first.inbox.next();
  const { id } = JSON.parse((await first.inbox.next()).data);
  first.terminate();
  for (const data of ["four", "five"]) await publish(url, channel, data);
  const second = await open(`/c/${channel}/ws?envelope=json&since=${id}`);
  assert.ok(JSON.parse((await second.inbox.next()).data).next);
  for (const data of ["three", "four", "five"]) {
    assert.equal(JSON.parse((await second.inbox.next()).data).data, data);
  }
  await closed(second);
}

async function gap() {
  const channel = newChannel("gap");
  for (const data of ["one", "two"]) await publish(url, channel, data);
  const socket = await open(`/c/${channel}/ws?envelope=json&since=1-1`);
  const told = JSON.parse((await socket.inbox.next()).data);
  assert.equal(typeof told.gap, "number", JSON.stringify(told));
  assert.equal(told.epoch_changed, true, JSON.stringify(told));
  const place = JSON.parse((await socket.inbox.next()).data);
  assert.match(place.next, /^\d+-0$/, JSON.stringify(place));
  for (const data of ["one", "two"]) {
    assert.equal(JSON.parse((await socket.inbox.next()).data).data, data);
  }
  await closed(socket);
}

async function chat() {
  const [one, two] = [await open("/ws/asset"), await open("/ws/asset")];
  const { by } = await (await fetch(`${url}/online`)).json();
  assert.ok(by.websocket >= 2, JSON.stringify(by));
  const said = newChannel("said");
  one.send(said);
  const pattern = new RegExp(`^${said} \\(From Server,Session ID=(\\d+)\\)$`);
  const heard = [(await one.inbox.next()).data, (await two.inbox.next()).data].map(String);
  assert.match(heard[0], pattern);
  assert.equal(heard[0], heard[1]);
  await Promise.all([one, two].map(closed));
}

async function received() {
  const user = newChannel("user");
  for (const path of ["webSocket", "websocket"]) {
    const socket = await open(`/${path}/${user}`);
    socket.send(`said to ${path}`);
    await eventually("it is entered", async () => {
      const rows = await (await fetch(`${url}/received/${user}`)).json();
      return rows.some((row) => row.text === `said to ${path}`);
    });
    assert.equal((await info(url, user)).messages, 0);
    await closed(socket);
  }
}

function address(path) {
  return `ws${url.slice(4)}${path}`;
}

// A client whose messages wait to be taken.
async function open(path, protocols = [], options = {}) {
  const socket = new WebSocket(address(path), protocols, options);
  socket.inbox = new Inbox();
  socket.on("message", (data, isBinary) => socket.inbox.put({ data, isBinary }));
  await once(socket, "open");
  return socket;
}

async function closed(socket) {
  const end = once(socket, "close");
  socket.close(1000);
  assert.equal((await end)[0], 1000);
}

function once(socket, event) {
  return new Promise((resolve, reject) => {
    if (event !== "error") socket.once("error", reject);
    socket.once(event, (...values) => resolve(values));
  });
}

function subscribed(channel, count) {
  return eventually(`${count} subscribers`, async () => {
    return (await info(url, channel)).subscribers.websocket === count;
  });
}

// Opens by hand, sends these bytes, and returns what comes until the server closes.
function raw(bytes) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let read = Buffer.alloc(0);
    socket.on("error", reject);
    socket.on("data", (data) => {
      const opened = read.includes("\r\n\r\n");
      read = Buffer.concat([read, data]);
      if (!opened && read.includes("\r\n\r\n")) socket.write(Buffer.from(bytes));
    });
    socket.on("end", () => {
      socket.end();
      resolve(read.subarray(read.indexOf("\r\n\r\n") + 4));
    });
    const key = randomBytes(16).toString("base64");
    const fields = ["Host: localhost", "Connection: Upgrade", "Upgrade: websocket"];
    fields.push("Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`);
    socket.write(`GET /echo HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
  });
}

await tally(CHECKS);
