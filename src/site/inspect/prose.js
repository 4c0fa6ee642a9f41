// What each field is for, in one sentence with its clause: a field that is there more than once is
// explained once.

import { clauseElement } from "./clause.js";
import { element, reveal } from "./element.js";
import { unmasking } from "./mask.js";
import { bytesOf } from "./unit.js";

/** `heard.enter(places)`, `heard.leave()` and `heard.choose(places)` are told what is meant. */
export class Prose {
  #place;
  #layer;
  #bytes;
  /** `{ places, item, here }` by field, and the same by a span's place. */
  #fields = [];
  #byPlace = [];
  #heard;

  constructor(place, heard) {
    this.#place = place;
    this.#heard = heard;
    place.addEventListener("pointerover", ({ target }) => {
      const field = this.#fieldOf(target);
      if (field) heard.enter(field.places);
      else heard.leave();
    });
    place.addEventListener("pointerleave", () => heard.leave());
    place.addEventListener("click", ({ target }) => {
      const field = target.closest("a") ? undefined : this.#fieldOf(target);
      if (field) heard.choose(field.places);
    });
  }

  show(layer) {
    this.#layer = layer;
    this.#bytes = bytesOf(layer);
    const fields = new Map();
    this.#byPlace = layer.spans.map((span, place) => {
      const key = [span.name, span.clause, span.meaning].join("\n");
      if (!fields.has(key)) fields.set(key, { span, places: [] });
      const field = fields.get(key);
      field.places.push(place);
      return field;
    });
    this.#fields = [...fields.values()];
    this.#place.replaceChildren(...this.#fields.map((field, at) => this.#item(field, at)));
    this.#place.scrollTop = 0;
  }

  /** Lights up the fields of these spans, and marks what they are within. */
  light(places, pinned) {
    const around = places.map((place) => this.#around(place));
    for (const field of this.#fields) {
      field.item.classList.toggle("is-around", around.includes(field));
      const lit = places.find((place) => this.#byPlace[place] === field);
      field.item.classList.toggle("is-lit", lit !== undefined);
      field.item.classList.toggle("is-pinned", this.#byPlace[pinned] === field);
      this.#tell(field, lit ?? (this.#byPlace[pinned] === field ? pinned : field.places[0]));
    }
  }

  /** Shows the field of a span, if it is out of sight, or rather what that is within. */
  reveal(place) {
    const field = this.#around(place) ?? this.#byPlace[place];
    if (field) reveal(this.#place, field.item);
  }

  /** The group around a span, if it is explained for itself: that this is the value of a field says
   * little, and much what the field is for. */
  #around(place) {
    const { spans } = this.#layer;
    const depth = spans[place].depth - 1;
    const at = spans.slice(0, place).findLastIndex((span) => span.depth === depth);
    const group = this.#byPlace[at];
    return depth > 0 && group?.places.length === 1 ? group : undefined;
  }

  #item(field, at) {
    const { span, places } = field;
    const item = element("li", `is-${span.part}`);
    item.dataset.field = at;
    const title = element("p", "title");
    field.raw = element("code", span.bits ? "bits" : "raw");
    field.here = element("code", "here");
    title.append(field.raw, element("b", "", span.name), " ", field.here);
    if (places.length > 1) title.append(element("span", "times", ` × ${places.length}`));
    item.append(title);
    const words = element("p", "meaning");
    words.append(...marked(span.meaning), " ");
    if (span.clause !== "") words.append(clauseElement(span.clause));
    item.append(words);
    const sum = unmasking(this.#layer, places[0]);
    if (sum) item.append(sum);
    field.item = item;
    this.#tell(field, places[0]);
    return item;
  }

  /** Of several, the one that is meant. */
  #tell(field, place) {
    if (field.told === place) return;
    field.told = place;
    const { group, value, start, end, bits } = this.#layer.spans[place];
    const raw = this.#layer.hex.slice(2 * start, 2 * Math.min(end, start + RAW_BYTES));
    const digits = (raw.match(/../g) ?? []).join(" ");
    const whole = end > start + RAW_BYTES ? `${digits} …` : digits;
    if (bits) field.raw.replaceChildren(...strip(this.#bytes[start], bits));
    else field.raw.textContent = group ? `${(end - start).toLocaleString("en")} B` : whole;
    field.here.textContent = group || value === digits ? "" : shown(value);
  }

  #fieldOf(target) {
    return this.#fields[target.closest("[data-field]")?.dataset.field];
  }
}

/** The eight bits of a byte, of which some are this field. */
function strip(byte, [from, count]) {
  return [...byte.toString(2).padStart(8, "0")].map((digit, at) =>
    element("i", at >= from && at < from + count ? "is-its" : "", digit),
  );
}

/** A sentence in which what stands between backticks is code. */
function marked(sentence) {
  return sentence.split("`").map((part, at) => (at % 2 === 1 ? element("code", "", part) : part));
}

/** A value with what cannot be seen made visible. */
export function shown(value) {
  return value.replace(/[\r\n\t]/g, (unseen) => UNSEEN[unseen]);
}

const RAW_BYTES = 4;
const UNSEEN = { "\r": "\\r", "\n": "\\n", "\t": "\\t" };
