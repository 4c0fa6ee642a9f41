// A browser opens at most six connections to one host over HTTP/1.1, and its tabs share them.
//
// Of one page, long poll, forever frame, stream and event stream hold four; short poll takes the
// fifth, and what the page asks on its own account goes one after the other through the sixth.
// A second tab finds none left: its requests wait in the browser, and no error ever comes of it.
// All that can be seen from here is silence. WebSocket is not counted among the six, so where it is
// open the server is not the silent one.

/** What it means when only WebSocket works. */
export const SIX_CONNECTIONS =
  "The browser allows six HTTP/1.1 connections to a host; another tab holds them.";

/** Says which panels, or the page itself, have waited too long for an answer, and why that is. */
export function complaint(panels, asking_ms) {
  const now_ms = performance.now();
  const isLate = (since_ms) => since_ms !== undefined && now_ms - since_ms > SILENCE_MS;
  if (isLate(asking_ms)) return `The server does not answer, or: ${SIX_CONNECTIONS}`;
  const late = panels
    .filter(({ state, stateSince_ms }) => state === "connecting" && isLate(stateSince_ms))
    .map(({ title }) => title);
  if (late.length === 0) return "";
  if (late.includes("WebSocket")) return "The server does not answer.";
  return `${SIX_CONNECTIONS} Still without an answer: ${late.join(", ")}.`;
}

/** Longer than any answer takes that is not meant to wait. */
const SILENCE_MS = 5_000;
