// A message in one envelope: the bytes of a mechanism, what they cost, and when they came.

import { KINDS, MECHANISMS } from "../ledger.js";
import { brief, bytes, time } from "../number.js";
import { milliseconds } from "../panel.js";
import { Dissection } from "./dissection.js";
import { element } from "./element.js";
import { lengthOf, splitBar, splitWords } from "./unit.js";

export class Envelope {
  #facts = {};
  #share;
  #units;

  constructor(mechanism) {
    this.place = element("article", "envelope");
    this.place.dataset.mechanism = mechanism;
    const title = element("h3", "", MECHANISMS[mechanism]);
    title.id = `envelope-${mechanism}`;
    this.place.setAttribute("aria-labelledby", title.id);
    this.#share = element("div", "share");
    const facts = element("dl", "facts");
    for (const name of FACTS) {
      const fact = element("div");
      this.#facts[name] = element("dd", "", "–");
      fact.append(element("dt", "", name), this.#facts[name]);
      facts.append(fact);
    }
    this.#units = element("div", "units");
    this.place.append(title, this.#share, facts, this.#units);
  }

  /** The message was here so long after it was published. */
  arrived(delay_ms) {
    this.#facts.Arrived.textContent = milliseconds(Math.round(delay_ms));
  }

  /** What the server booked for it. */
  booked({ delivered, calls, cpu_ns, delay_us_mean, ...share }) {
    const all = share.payload + share.framing + share.head;
    this.#facts.Booked.textContent = delivered > 0 ? bytes(Math.round(all)) : "not delivered";
    if (!(delivered > 0)) return;
    this.#facts.Calls.textContent = brief(calls);
    this.#facts.CPU.textContent = cpu_ns > 0 ? time(cpu_ns / 1_000) : "–";
    this.#facts["Left after"].textContent = time(delay_us_mean);
  }

  /** The bytes; what carries the message is open, and the heads around it are closed. */
  show(units, most) {
    const split = Object.fromEntries(
      KINDS.map((kind) => [kind, units.reduce((all, { share }) => all + share[kind], 0)]),
    );
    const all = sizeOf(units);
    const bar = splitBar(split);
    bar.setAttribute("aria-hidden", "true");
    bar.style.width = `${Math.max(2, (100 * all) / most)}%`;
    this.#share.replaceChildren(bar, element("p", "", `${bytes(all)}: ${splitWords(split)}`));
    this.#units.replaceChildren(...units.map(unitPart));
  }
}

/** How many bytes a message takes in these units. */
export function sizeOf(units) {
  return units.reduce((sum, unit) => sum + lengthOf(unit), 0);
}

function unitPart(unit) {
  const details = element("details");
  const summary = element("summary", "", `${unit.name}, `);
  summary.append(element("span", "size", bytes(lengthOf(unit))));
  const place = element("div", "dissection");
  details.append(summary, place);
  // What nobody opens is not made.
  const open = () => place.childElementCount === 0 && new Dissection(place).show(unit);
  details.addEventListener("toggle", open);
  details.open = unit.share.payload > 0;
  return details;
}

const FACTS = ["Arrived", "Booked", "Left after", "Calls", "CPU"];
