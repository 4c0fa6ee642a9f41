// The form of the experiment: what is asked, how far it is, and what came out.

import { experiment } from "./experiment.js";
import { MECHANISMS } from "./ledger.js";
import { bytes, time, whole } from "./number.js";
import { Question } from "./question.js";

/** The form, its progress, and the sections that show what was found. */
export class Laboratory {
  #form;
  #progress;
  #report;
  #run;
  #views = [];
  #wasHidden;

  /** `page.busy(isBusy)` is told when it begins and when it is over. */
  constructor({ form, progress, report }, page) {
    this.#form = form;
    this.#progress = progress;
    this.#report = report;
    form.addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#begin(page);
    });
    form.elements.cancel.addEventListener("click", () => this.stop());
    form.addEventListener("change", () => this.#complain());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#wasHidden = true;
    });
  }

  /** Cancels the experiment that runs, if one does. */
  stop() {
    this.#run?.abort(new Cancelled());
  }

  #complain() {
    const boxes = [...this.#form.querySelectorAll("[name=mechanism]")];
    const none = boxes.every(({ checked }) => !checked);
    boxes[0].setCustomValidity(none ? "Choose at least one mechanism." : "");
  }

  async #begin(page) {
    if (this.#run) return;
    this.#run = new AbortController();
    this.#wasHidden = document.hidden;
    page.busy(true);
    this.#show(true);
    const settings = settingsOf(this.#form);
    const findings = {};
    let end = "";
    try {
      for await (const step of experiment(settings, this.#run.signal)) {
        if (step.finding) findings[step.mechanism] = step.finding;
        this.#progress.bar.value = step.done;
        this.#say(step);
      }
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      end = "Cancelled. ";
    } finally {
      this.#run = undefined;
      this.#show(false);
      page.busy(false);
    }
    this.#progress.words.textContent = end + this.#tell(settings, findings);
  }

  #show(isRunning) {
    const { begin, cancel } = this.#form.elements;
    const hadFocus = [begin, cancel].includes(document.activeElement);
    this.#progress.place.hidden = false;
    this.#progress.bar.hidden = !isRunning;
    cancel.hidden = !isRunning;
    begin.disabled = isRunning;
    this.#form.elements.settings.disabled = isRunning;
    // The button that was pressed is gone: the other is in its place.
    if (hadFocus) (isRunning ? cancel : begin).focus({ preventScroll: true });
  }

  #say({ mechanism, phase }) {
    const words = phase ? `${MECHANISMS[mechanism]}: ${PHASES[phase]} …` : "";
    // Said when it changes, not with every message.
    if (words && this.#progress.words.textContent !== words) {
      this.#progress.words.textContent = words;
    }
  }

  /** Shows the figures of all that have any, and says why the others have none. */
  #tell(settings, findings) {
    const all = Object.entries(findings);
    const good = Object.fromEntries(all.filter(([, { refused }]) => refused === undefined));
    const rows = Object.fromEntries(Object.keys(good).map((name) => [name, MECHANISMS[name]]));
    this.#views.forEach((view) => view.remove());
    this.#views = [];
    const hasFigures = Object.keys(good).length > 0;
    this.#report.place.hidden = all.length === 0;
    this.#report.settings.textContent = described(settings);
    this.#report.remarks.replaceChildren(
      ...[...all.flatMap(remarks), ...quietly(good, settings)].map(item),
      ...(this.#wasHidden ? [item(HIDDEN)] : []),
    );
    for (const section of this.#report.questions) {
      section.hidden = !hasFigures;
      if (!hasFigures) continue;
      const { question } = section.dataset;
      const view = new Question(section, { whence: "Measured", counted: COUNTED[question], rows });
      view.show(Object.fromEntries(Object.keys(good).map((name) => [name, good[name][question]])));
      this.#views.push(view);
    }
    if (all.length === 0) return "Nothing was measured.";
    const missing = all.length - Object.keys(good).length;
    return missing === 0 ? "Done." : `Done; of ${missing} there are no figures, see why below.`;
  }
}

class Cancelled extends Error {}

function settingsOf(form) {
  const { messages, size, subscribers, quiet, interval } = form.elements;
  const boxes = form.querySelectorAll("[name=mechanism]:checked");
  return {
    mechanisms: [...boxes].map(({ value }) => value),
    messages: messages.valueAsNumber,
    bytes: size.valueAsNumber,
    subscribers: subscribers.valueAsNumber,
    quiet_s: quiet.valueAsNumber,
    interval_ms: interval.valueAsNumber * 1_000,
  };
}

function described({ subscribers, messages, bytes: size, quiet_s, interval_ms }) {
  const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? "" : "s"}`;
  return `${plural(subscribers, "subscriber")} per mechanism, ${plural(messages, "message")} of ` +
    `${bytes(size)}, ${quiet_s} s of quiet, a short poll every ${time(interval_ms * 1_000)}.`;
}

/** What is to be known about a finding. */
function remarks([name, { refused, disturbed }]) {
  if (refused) return [`${MECHANISMS[name]}: no figures, because ${refused}.`];
  if (disturbed) return [`${MECHANISMS[name]}: somebody else disturbed it: ${disturbed}.`];
  return [];
}

/** Where nothing is not the whole truth. */
function quietly(findings, { quiet_s }) {
  const still = Object.keys(findings).filter(
    (name) => name !== "poll" && findings[name].quiet.ticks === 0,
  );
  if (still.length === 0) return [];
  const titles = still.map((name) => MECHANISMS[name]).join(", ");
  return [`In ${quiet_s} s no heartbeat was due, so that quiet cost nothing by: ${titles}.`];
}

function item(words) {
  const made = document.createElement("li");
  made.textContent = words;
  return made;
}

const PHASES = {
  open: "subscribers connect",
  quiet: "nothing is published",
  message: "messages are published",
  close: "subscribers leave",
};
const COUNTED = { open: "Opened", quiet: "Minutes", message: "Deliveries", close: "Closed" };
const HIDDEN =
  "The page was hidden meanwhile: browsers slow hidden pages down, and polls come late.";
