// One live region for the whole page: what happens in many places is said in one sentence, and not
// more often than one can listen to.

/**
 * Says `text` to those who listen instead of looking. Of what is said about one `subject` within
 * a pause, only the last is heard.
 */
export function announce(subject, text) {
  pending.set(subject, text);
  timer ??= setTimeout(speak, PAUSE_MS);
}

function speak() {
  document.getElementById("announcer").textContent = [...pending.values()].join(" ");
  pending.clear();
  timer = undefined;
}

const pending = new Map();
const PAUSE_MS = 1_500;
let timer;
