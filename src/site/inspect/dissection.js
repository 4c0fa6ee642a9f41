// A unit, opened up: its bytes, its fields and what they are for, layer by layer. Whatever is
// pointed at in one of the three is lit up in all of them; a click pins it.

import { bytes as bytesWords } from "../number.js";
import { clauseElement } from "./clause.js";
import { element, roled } from "./element.js";
import { Fields } from "./fields.js";
import { Hex } from "./hex.js";
import { Prose } from "./prose.js";
import {
  SIDES,
  isCut,
  leavesOf,
  lengthOf,
  partsOf,
  splitBar,
  splitWords,
  tellingLayer,
} from "./unit.js";

/** `pinned({ layer, field })` is told of what the reader pins; `field` is undefined for none. */
export class Dissection {
  #place;
  #pinned;
  #unit;
  #layer = 0;
  #field;
  #leaves = [];
  #tabs;
  #panel;
  #hex;
  #fields;
  #prose;

  constructor(place, { columns = 16, pinned = () => {} } = {}) {
    this.#place = place;
    this.#pinned = pinned;
    this.#tabs = roled("tablist", "layers");
    this.#tabs.setAttribute("aria-label", "Layers");
    this.#tabs.addEventListener("keydown", (key) => this.#press(key));
    this.#panel = roled("tabpanel", "layer");
    this.#panel.id = `layer-${(dissections += 1)}`;
    const [hex, fields, prose] = [element("div"), element("div"), element("ol", "prose")];
    prose.tabIndex = 0;
    prose.setAttribute("aria-label", "What the fields are for");
    this.#panel.append(hex, fields, prose);
    const leave = () => this.#light(this.#pin());
    this.#hex = new Hex(hex, columns, {
      enter: (at) => this.#light(this.#leaves[at] ?? [], this.#hex),
      leave,
      choose: (at) => this.#chooseOne(this.#leaves[at] ?? [], this.#hex),
    });
    this.#fields = new Fields(fields, {
      enter: (at) => this.#light([at], this.#fields),
      leave,
      choose: (at) => this.#chooseOne([at], this.#fields),
    });
    this.#prose = new Prose(prose, {
      enter: (places) => this.#light(places, this.#prose),
      leave,
      choose: (places) => this.#chooseOne(places, this.#prose),
    });
  }

  /** Shows a unit; what is pinned in it may be told. */
  show(unit, { layer = tellingLayer(unit), field } = {}) {
    this.#unit = unit;
    this.#tabs.replaceChildren(...unit.layers.map((shape, at) => this.#tab(shape, at)));
    const lead = [headline(unit), share(unit)];
    if (unit.violation) lead.push(violation(unit.violation));
    this.#place.replaceChildren(...lead, this.#tabs, this.#panel);
    this.#open(unit.layers[layer] === undefined ? 0 : layer, field);
  }

  #tab({ name, hex }, at) {
    const tab = element("button", "", name);
    tab.type = "button";
    tab.id = `${this.#panel.id}-${at}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", this.#panel.id);
    tab.append(" ", element("small", "", `${(hex.length / 2).toLocaleString("en")} B`));
    tab.addEventListener("click", () => {
      this.#open(at);
      this.#pinned({ layer: at });
    });
    return tab;
  }

  #open(layer, field) {
    this.#layer = layer;
    this.#field = field;
    const shape = this.#unit.layers[layer];
    [...this.#tabs.children].forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === layer));
      tab.tabIndex = at === layer ? 0 : -1;
      if (at === layer) this.#panel.setAttribute("aria-labelledby", tab.id);
    });
    if (shape === undefined) return;
    this.#panel.classList.toggle("is-long", shape.spans.length > FEW_SPANS);
    this.#leaves = leavesOf(shape);
    this.#hex.show(shape, this.#leaves, partsOf(this.#unit, layer));
    this.#fields.show(shape);
    this.#prose.show(shape);
    if (shape.spans[field] === undefined) this.#field = undefined;
    else this.#fields.settle(field);
    this.#light(this.#pin(), undefined, true);
  }

  /** Of several fields, as of one byte's bits, the next each time. */
  #chooseOne(places, by) {
    const at = places.indexOf(this.#field);
    if (at >= 0 && places.length === 1) this.#field = undefined;
    else this.#field = places[(at + 1) % places.length];
    if (this.#field !== undefined) this.#fields.settle(this.#field);
    this.#light(this.#pin(), by, true);
    this.#pinned({ layer: this.#layer, field: this.#field });
  }

  /** Lights up spans in all views, and shows them in those that they are not pointed at in. */
  #light(places, by, isToBeShown = by !== undefined) {
    const spans = this.#unit.layers[this.#layer].spans;
    const ranges = (wanted) => wanted.map((place) => [spans[place].start, spans[place].end]);
    this.#hex.light(ranges(places), ranges(this.#pin()));
    this.#fields.light(places, this.#field);
    this.#prose.light(places, this.#field);
    if (!isToBeShown || places.length === 0) return;
    if (by !== this.#hex) this.#hex.reveal(ranges(places)[0]);
    if (by !== this.#fields) this.#fields.reveal(places[0]);
    if (by !== this.#prose) this.#prose.reveal(places[0]);
  }

  #pin() {
    return this.#field === undefined ? [] : [this.#field];
  }

  #press(key) {
    const count = this.#unit.layers.length;
    const to = {
      ArrowLeft: (this.#layer + count - 1) % count,
      ArrowRight: (this.#layer + 1) % count,
      Home: 0,
      End: count - 1,
    }[key.key];
    if (to === undefined || key.ctrlKey || key.metaKey || key.altKey) return;
    key.preventDefault();
    this.#open(to);
    this.#tabs.children[to].focus();
    this.#pinned({ layer: to });
  }
}

function headline({ from, name, summary }) {
  const line = element("p", "headline");
  const side = SIDES[from];
  const arrow = element("span", `arrow from-${from}`, side?.arrow);
  arrow.setAttribute("aria-hidden", "true");
  line.append(arrow, element("span", "side", side?.words), " ", element("b", "", name), " ");
  line.append(element("code", "summary", summary));
  return line;
}

/** How many of its bytes are the message. */
function share(unit) {
  const place = element("p", "share");
  const words = element("span", "", `${bytesWords(lengthOf(unit))}: ${splitWords(unit.share)}`);
  if (isCut(unit)) words.append("; only the first of them are shown");
  const bar = splitBar(unit.share);
  bar.setAttribute("aria-hidden", "true");
  place.append(bar, words);
  return place;
}

function violation({ clause, message, answer }) {
  const place = element("p", "violation");
  place.append(element("b", "", "Breaks a rule. "), `${message} `);
  if (clause !== "") place.append(clauseElement(clause), " ");
  place.append(answer);
  return place;
}

/** What has no more is shown whole, without a place of its own to scroll in. */
const FEW_SPANS = 14;

let dissections = 0;
