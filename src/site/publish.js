// The form that publishes, and what the server answers.

import { askInTurn, reasonOf } from "./ask.js";
import { SIX_CONNECTIONS } from "./connections.js";

/**
 * Makes `form` publish to the channel that `channel()` names. What was published is told by an
 * event `published` of the form.
 */
export function publishes(form, channel) {
  const { message, event } = form.elements;
  const answer = form.querySelector("output");

  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    answer.textContent = "…";
    try {
      const receipt = await publish(channel(), event.value, message.value);
      answer.textContent = describe(receipt);
      form.dispatchEvent(new CustomEvent("published", { detail: receipt }));
      message.select();
    } catch (error) {
      answer.textContent = describeFailure(error);
    }
  });

  // Enter is a line of the message; with Ctrl or ⌘ it sends.
  message.addEventListener("keydown", (key) => {
    if (key.key !== "Enter" || !(key.ctrlKey || key.metaKey)) return;
    key.preventDefault();
    form.requestSubmit();
  });
}

/** Publishes, and answers what the server says of it. */
async function publish(channel, event, body) {
  const query = event === "" ? "" : `?${new URLSearchParams({ event })}`;
  // A string goes as text/plain, in UTF-8.
  const request = { method: "POST", body };
  const answer = await askInTurn(`/c/${encodeURIComponent(channel)}${query}`, request);
  return { status: answer.status, ...(await answer.json()) };
}

function describe({ status, id, bytes, subscribers }) {
  const reached = Object.entries(subscribers).filter(([, count]) => count > 0);
  const total = reached.reduce((sum, [, count]) => sum + count, 0);
  const by = reached.map(([mechanism, count]) => `${mechanism} ${count}`).join(", ");
  const whom = total === 0 ? "nobody was subscribed" : `reached ${total}: ${by}`;
  return `${status} · ${id} · ${bytes} ${bytes === 1 ? "byte" : "bytes"} · ${whom}`;
}

function describeFailure(error) {
  const parts = [`Not published: ${reasonOf(error)}.`];
  if (error.clause) parts.push(`(${error.clause})`);
  if (error.name === "TimeoutError") parts.push(SIX_CONNECTIONS);
  return parts.join(" ");
}
