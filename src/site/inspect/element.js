// Elements with text in them: what came over the wire is only ever text.

/** An element of a class, with a text. */
export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

/** The same in a role. */
export function roled(role, className = "", text = "") {
  const made = element("div", className, text);
  made.setAttribute("role", role);
  return made;
}

/** Scrolls `place`, and nothing around it, until `inner` is to be seen. */
export function reveal(place, inner) {
  const [outside, inside] = [place.getBoundingClientRect(), inner.getBoundingClientRect()];
  if (inside.top < outside.top) place.scrollTop -= outside.top - inside.top + SPACE_PX;
  else if (inside.bottom > outside.bottom) {
    place.scrollTop += inside.bottom - outside.bottom + SPACE_PX;
  }
}

const SPACE_PX = 4;
