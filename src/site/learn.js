// A lesson is whole without this: it only lets the bytes that are drawn and the rows that tell of
// them point at each other under the mouse.

const POINTED = "is-pointed";

/** What else tells of the bytes under the mouse: a row of the table, or their drawing. */
function counterparts(target) {
  const drawn = target.closest?.(".strip a");
  if (drawn) return [document.getElementById(drawn.hash.slice(1))];
  const row = target.closest?.(".fields tbody tr");
  if (!row) return [];
  return document.querySelectorAll(`.strip a[href="#${CSS.escape(row.id)}"]`);
}

document.addEventListener("pointerover", ({ target }) => {
  for (const pointed of document.querySelectorAll(`.${POINTED}`)) pointed.classList.remove(POINTED);
  for (const element of counterparts(target)) element?.classList.add(POINTED);
});
