// The page of costs: the ledger of this server, as it grows, and an experiment on it.

import { reasonOf } from "./ask.js";
import { Books, balances } from "./books.js";
import { Laboratory } from "./laboratory.js";
import { statement } from "./ledger.js";
import { answers } from "./live.js";
import { span, whole } from "./number.js";
import { Question } from "./question.js";

function begin() {
  part("pause").addEventListener("click", () => pause(!isPaused));
  part("reset").addEventListener("click", reset);
  part("whole").addEventListener("click", () => countFrom(undefined));
  part("ask-kernel").addEventListener("change", read);
  document.addEventListener("visibilitychange", read);
  addEventListener("pagehide", () => laboratory.stop());
  setInterval(read, READ_MS);
  read();
}

/** Asks what the ledger says now, unless nobody looks. */
async function read() {
  if (isPaused || isBusy || isAsking || document.hidden) return;
  isAsking = true;
  const [from, kernel] = [zero, part("ask-kernel").checked];
  try {
    const said = await statement({ since: from?.snapshot, kernel });
    if (from === zero) show(said);
    say("");
  } catch (error) {
    if (from !== undefined && error.isFinal) {
      // The server keeps so many snapshots, and no more.
      countFrom(undefined);
      say("The server has forgotten the moment that was counted from; this is since its start.");
    } else {
      say(`The ledger cannot be read: ${reasonOf(error)}.`);
    }
  } finally {
    isAsking = false;
  }
}

function show(said) {
  const found = answers(said, zero);
  for (const [name, question] of questions) question.show(found[name]);
  books.show(said);
  showBalance(said);
  part("no-heap").hidden = said.heap_counted;
  part("heap").hidden = !said.heap_counted;
  part("kernel_open").hidden = said.accounts.every(({ kernel_open }) => !kernel_open);
  const since = zero === undefined ? "since the server began" : "since the count began";
  part("span").textContent = `${span(said.span_us)} ${since}`;
}

function showBalance(said) {
  const all = balances(said);
  const b = (count) => whole(count);
  const moved = all.moved === 0 ? "" : ` + ${b(all.moved)} handed on`;
  part("balance-sent").textContent = `made ${b(all.made)} = taken ${b(all.taken)} + queued ` +
    `${b(all.queued)} + dropped ${b(all.dropped)}${moved}`;
  part("balance-received").textContent = `read ${b(all.read)} = parsed ${b(all.parsed)} + ` +
    `waiting ${b(all.waiting)}`;
  const verdict = part("verdict");
  verdict.textContent = said.balances ? "Every account balances ✔" : "It does not balance ✘";
  verdict.dataset.balances = said.balances;
}

function pause(isNow) {
  isPaused = isNow;
  part("pause").textContent = isPaused ? "Go on" : "Pause";
  read();
}

/** Counts from now on; the server is asked when that is. */
async function reset() {
  try {
    countFrom(await statement());
  } catch (error) {
    say(`The ledger cannot be read: ${reasonOf(error)}.`);
  }
}

function countFrom(moment) {
  zero = moment;
  part("whole").hidden = moment === undefined;
  if (isPaused) pause(false);
  read();
}

/** While an experiment runs, the page asks nothing on its own account: it would be in the way. */
function busy(isNow) {
  isBusy = isNow;
  part("busy").hidden = !isBusy;
  read();
}

function say(notice) {
  if (part("notice").textContent !== notice) part("notice").textContent = notice;
}

function part(id) {
  return document.getElementById(id);
}

const COUNTED = {
  open: "Openings",
  quiet: "Open minutes",
  message: "Deliveries",
  close: "Closings",
};
const BOOKS = ["overview", "plot", "sent", "received", "calls", "cpu", "heap", "kernel"];
const READ_MS = 2_000;

const questions = [...document.querySelectorAll("#live [data-question]")].map((section) => {
  const { question } = section.dataset;
  return [question, new Question(section, { whence: "So far", counted: COUNTED[question] })];
});
const books = new Books(
  Object.fromEntries([...BOOKS, "kernel_open"].map((name) => [name, part(name)])),
);
const laboratory = new Laboratory(
  {
    form: part("experiment"),
    progress: { place: part("progress"), bar: part("bar"), words: part("words") },
    report: {
      place: part("report"),
      settings: part("settings-told"),
      remarks: part("remarks"),
      questions: [...document.querySelectorAll("#report [data-question]")],
    },
  },
  { busy },
);

/** The statement that is counted from, and what keeps the page from asking. */
let zero;
let isPaused = false;
let isBusy = false;
let isAsking = false;

begin();
