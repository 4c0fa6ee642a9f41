// A button that copies the text of another element.

/** Makes `button` copy what `source` shows. */
export function copies(button, source) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    button.textContent = (await write(source)) ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => (button.textContent = label), SHOWN_MS);
  });
}

/** Whether it went to the clipboard; otherwise it is selected, ready to be copied by hand. */
async function write(source) {
  try {
    // Undefined over plain HTTP from another host: the clipboard is for secure contexts only.
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return false;
  }
}

const SHOWN_MS = 2_000;
