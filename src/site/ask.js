// One request, one answer, within a patience. A refusal keeps the server's own reason.

import { withToken } from "./token.js";

/**
 * Sends a request and answers its response, unless that refuses: then a `Refusal` is thrown.
 * No answer within `patience_ms` throws a `TimeoutError`, a lost connection a `TypeError`.
 *
 * 304 is an answer here, not a refusal: "nothing is new" is what a poll asked for.
 */
export async function ask(url, { patience_ms = PATIENCE_MS, signal, ...request } = {}) {
  const patience = AbortSignal.timeout(patience_ms);
  const answer = await fetch(withToken(url), {
    cache: "no-store", // or the browser would turn a 304 into the 200 it remembers
    ...request,
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
  });
  if (!answer.ok && answer.status !== 304) throw await refusalOf(answer);
  return answer;
}

/** The same, one after the other: whoever asks by this takes one connection, not several. */
export function askInTurn(url, request) {
  const answer = turn.then(() => ask(url, request));
  turn = answer.catch(() => {}); // whoever asked is told; the next one's turn comes all the same
  return answer;
}

/** An answer that says no, in the server's words. */
export class Refusal extends Error {
  name = "Refusal";

  constructor(status, { reason, clause, message } = {}, retryAfter_ms = 0) {
    super(`${status} ${message ?? reason ?? "refused without a reason"}`);
    this.status = status;
    this.clause = clause;
    this.retryAfter_ms = retryAfter_ms;
  }

  /** Whether to ask the same again is pointless: the request itself is at fault. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && !PASSING.includes(this.status);
  }
}

/** Reads `{"error":{"code","reason","clause","message"}}`. */
export async function refusalOf(answer) {
  const retryAfter_ms = 1000 * (Number.parseInt(answer.headers.get("Retry-After"), 10) || 0);
  const content = await answer.text();
  try {
    return new Refusal(answer.status, JSON.parse(content).error, retryAfter_ms);
  } catch {
    // Something between us and the server answered, in words of its own.
    return new Refusal(answer.status, { message: content.slice(0, 200) }, retryAfter_ms);
  }
}

/**
 * Why a stream was refused, of which the browser tells a page nothing: a question that takes the
 * same right is refused for the same reason. Where it is answered, that is `error`.
 */
export async function reasonFor(error) {
  try {
    await askInTurn("/online");
    return error;
  } catch (refusal) {
    return refusal.isFinal ? refusal : error;
  }
}

/** What became of a request, for a person. */
export function reasonOf(error) {
  if (error.name === "TimeoutError") return "no answer in time";
  if (error.name === "TypeError") return "the connection was lost";
  return error.message;
}

/** Longer than any answer takes that is not meant to wait. */
const PATIENCE_MS = 5_000;

/** Of the 4xx, those that may pass: Request Timeout, Too Early, Too Many Requests. */
const PASSING = [408, 425, 429];

let turn = Promise.resolve();
