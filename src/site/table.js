// A table that is kept up to date: its cells are written anew, and nothing else is touched, so that
// who reads it, by eye or by ear, does not lose the place.

/**
 * A column is `{ title, unit?, of(row), shown(value), isSum?, isOptional? }`: `of` answers the
 * value, or undefined when there is none; `shown` writes it. The last row adds up what is a sum.
 * An optional column is left out while nobody has anything but zero in it.
 */
export class Table {
  #region;
  #columns;
  #heads;
  #rows = new Map();
  #foot;

  /** Makes the table inside `place`, with a row for each of `rows`: `{ name: title }`. */
  constructor(place, { caption, columns, rows }) {
    this.#columns = columns;
    const table = document.createElement("table");
    const title = document.createElement("span"); // as wide as what is seen of the table
    table.createCaption().append(title);
    title.textContent = caption;
    title.id = `caption-${(tables += 1)}`;
    const head = table.createTHead().insertRow();
    head.append(cell("th", "", "col"));
    this.#heads = columns.map((column) => headOf(column));
    head.append(...this.#heads);
    const body = table.createTBody();
    for (const [name, label] of Object.entries(rows)) {
      this.#rows.set(name, this.#row(body, label));
      body.lastElementChild.dataset.owner = name;
    }
    if (columns.some(({ isSum }) => isSum)) this.#foot = this.#row(table.createTFoot(), "all");
    // Wider than a narrow screen: it is scrolled by itself, and by keyboard, too.
    this.#region = document.createElement("div");
    this.#region.className = "scroll";
    this.#region.tabIndex = 0;
    this.#region.setAttribute("role", "region");
    this.#region.setAttribute("aria-labelledby", title.id);
    this.#region.append(table);
    place.append(this.#region);
  }

  /** Shows a value for each row: an object by the rows' names. */
  show(values) {
    this.#columns.forEach((column, at) => {
      let total = 0;
      for (const [name, cells] of this.#rows) {
        const value = values[name] === undefined ? undefined : column.of(values[name]);
        total += value ?? 0;
        write(cells[at], value, column);
      }
      if (this.#foot) write(this.#foot[at], column.isSum ? total : undefined, column);
      this.#hide(at, column.isOptional === true && total === 0);
    });
  }

  #row(body, label) {
    const row = body.insertRow();
    row.append(cell("th", label, "row"));
    return this.#columns.map(() => row.insertCell());
  }

  #hide(at, isHidden) {
    this.#heads[at].hidden = isHidden;
    for (const cells of this.#rows.values()) cells[at].hidden = isHidden;
    if (this.#foot) this.#foot[at].hidden = isHidden;
  }
}

function headOf({ title, unit }) {
  const head = cell("th", title, "col");
  if (unit) {
    const small = document.createElement("small");
    small.textContent = unit;
    head.append(" ", small);
  }
  return head;
}

function write(cell, value, { shown }) {
  cell.textContent = value === undefined ? "–" : shown(value);
  cell.classList.toggle("is-nothing", !value);
  if (value === undefined) delete cell.dataset.value;
  else cell.dataset.value = value;
}

function cell(name, content, scope) {
  const made = document.createElement(content === "" ? "td" : name);
  made.textContent = content;
  if (content !== "") made.scope = scope;
  return made;
}

let tables = 0;
