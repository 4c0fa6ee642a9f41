// Who is connected, and how it goes: one row each, and one for all of them together.

import { OWNERS } from "../ledger.js";
import { span, time, whole } from "../number.js";
import { roled } from "./element.js";

/** `chosen(id)` is told which connection the reader wants, undefined for all. */
export class Connections {
  #place;
  #chosen;
  #rows = new Map();
  #selected = ALL;

  constructor(place, chosen) {
    this.#place = place;
    this.#chosen = chosen;
    place.setAttribute("role", "grid");
    place.setAttribute("aria-label", "Connections");
    place.setAttribute("aria-readonly", "true");
    const head = roled("row", "connection head");
    head.append(...COLUMNS.map(({ title, name }) => roled("columnheader", `is-${name}`, title)));
    place.append(head);
    place.addEventListener("click", ({ target }) => this.#click(target));
    place.addEventListener("keydown", (key) => this.#press(key));
    this.#row(ALL).tabIndex = 0;
    this.#write(ALL, {});
    this.select(undefined);
  }

  /** Shows what the server says of them; `counts` tells the messages of each that are here. */
  show(connections, counts) {
    const all = { read: 0, taken: 0, queued: 0, count: 0 };
    const open = new Set([ALL]);
    for (const connection of connections) {
      open.add(connection.id);
      const count = counts.get(connection.id) ?? 0;
      this.#write(connection.id, { ...connection, count });
      for (const name of ["read", "taken", "queued"]) all[name] += connection[name];
    }
    counts.forEach((count) => (all.count += count));
    this.#write(ALL, { ...all, peer: `${connections.length} open` });
    for (const [id, row] of this.#rows) {
      if (open.has(id)) continue;
      const isKept = (counts.get(id) ?? 0) > 0 || id === this.#selected;
      if (isKept) this.#close(row);
      else this.#remove(id);
    }
  }

  /** Marks a connection as the one that is looked at; undefined for all. */
  select(id = ALL) {
    this.#selected = id;
    if (!this.#rows.has(id)) this.#write(id, { id });
    for (const [other, row] of this.#rows) {
      row.setAttribute("aria-selected", String(other === id));
    }
    this.#settle(this.#rows.get(id));
  }

  #row(id) {
    const row = roled("row", "connection");
    row.dataset.id = id;
    row.tabIndex = -1;
    row.setAttribute("aria-selected", "false");
    row.append(...COLUMNS.map(({ name }) => roled("gridcell", `is-${name}`)));
    this.#rows.set(id, row);
    this.#place.append(row);
    return row;
  }

  #write(id, connection) {
    const row = this.#rows.get(id) ?? this.#row(id);
    row.classList.remove("is-gone");
    COLUMNS.forEach(({ of }, at) => {
      const cell = row.children[at];
      const text = id === ALL && at === 0 ? "All" : of(connection) ?? "";
      if (cell.textContent !== text) cell.replaceChildren(...breakable(text));
    });
  }

  /** It is gone, and its messages are still here. */
  #close(row) {
    row.classList.add("is-gone");
    row.children[COLUMNS.findIndex(({ name }) => name === "state")].textContent = "gone";
  }

  #remove(id) {
    const row = this.#rows.get(id);
    const hadFocus = row.contains(document.activeElement);
    const wasStop = row.tabIndex === 0;
    row.remove();
    this.#rows.delete(id);
    if (wasStop) this.#settle(this.#rows.get(this.#selected));
    if (hadFocus) this.#rows.get(this.#selected).focus();
  }

  /** The row that a Tab leads to. */
  #settle(row) {
    for (const other of this.#rows.values()) other.tabIndex = other === row ? 0 : -1;
  }

  #click(target) {
    const id = target.closest("[data-id]")?.dataset.id;
    if (id !== undefined) this.#choose(id);
  }

  #choose(id) {
    this.#chosen(id === ALL ? undefined : id);
  }

  #press(key) {
    if (key.ctrlKey || key.metaKey || key.altKey) return;
    const rows = [...this.#rows.values()];
    const at = rows.indexOf(key.target);
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: rows.length - 1,
    }[key.key];
    if (at < 0) return;
    if (key.key === "Enter" || key.key === " ") this.#choose(rows[at].dataset.id);
    else if (to === undefined) return;
    else if (rows[to]) {
      this.#settle(rows[to]);
      rows[to].focus();
    }
    key.preventDefault();
  }
}

/** The row of all. No connection has an empty id. */
const ALL = "";

const COLUMNS = [
  { name: "id", title: "Id", of: ({ id }) => id },
  { name: "owner", title: "Way", of: ({ mechanism, owner }) => titleOf(mechanism ?? owner) },
  { name: "peer", title: "Peer", of: ({ peer }) => peer },
  { name: "state", title: "State", of: stateOf },
  { name: "count", title: "Messages", of: ({ count }) => count && whole(count) },
  { name: "up", title: "Up", of: ({ read }) => read !== undefined && bytesShort(read) },
  { name: "down", title: "Down", of: ({ taken }) => taken !== undefined && bytesShort(taken) },
  { name: "queue", title: "Queue", of: queueOf },
  { name: "rtt", title: "RTT", of: ({ rtt_us }) => rtt_us != null && time(rtt_us) },
  { name: "age", title: "Age", of: ({ age_ms }) => age_ms !== undefined && span(age_ms * 1_000) },
].map(({ of, ...column }) => ({ ...column, of: (row) => of(row) || undefined }));

function stateOf({ state, own, watched, behind }) {
  if (own) return `${state}, this page`;
  if (behind) return `${state}, ${whole(behind)} behind`;
  return watched === false ? `${state}, not captured` : state;
}

/** Text in which an address is broken before its port, if it has to be, and not within. */
function breakable(text) {
  const port = text.lastIndexOf(":");
  return port < 0 ? [text] : [text.slice(0, port), document.createElement("wbr"), text.slice(port)];
}

/** What waits here, and in the kernel. */
function queueOf({ queued, unsent }) {
  if (queued === undefined) return undefined;
  return unsent ? `${bytesShort(queued)} + ${bytesShort(unsent)}` : bytesShort(queued);
}

function titleOf(owner) {
  return OWNERS[owner] ?? owner;
}

/** Bytes as short as a column needs them. */
function bytesShort(count) {
  if (count < 10_000) return `${whole(count)} B`;
  return `${count.toLocaleString("en", { notation: "compact" }).replace(/(?=[A-Z])/, " ")}B`;
}
