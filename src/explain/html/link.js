// Bytes and the fields that they are: whichever is pointed at or focused shows the other.
(() => {
  "use strict";
  let marked = [];
  const mark = (event) => {
    marked.forEach((it) => it.classList.remove("on"));
    const from = event.target.closest("[data-f]");
    const unit = from && from.closest(".unit");
    if (!unit) {
      marked = [];
      return;
    }
    const selectors = from.dataset.f.split(" ").map((id) => `[data-f~="${id}"]`);
    marked = [...unit.querySelectorAll(selectors.join(","))];
    marked.forEach((it) => it.classList.add("on"));
  };
  document.addEventListener("mouseover", mark);
  document.addEventListener("focusin", mark);
})();
