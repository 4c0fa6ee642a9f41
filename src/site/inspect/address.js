// What is pinned, in the address: `#c=17-3&m=12&l=1&f=4` is, of connection 17-3, the message that
// the capture told as its twelfth, its second layer, and the fifth field in that. The server counts
// what it tells, so it is the same message for everybody who looks; `m=o12` is the twelfth of what
// is told with the viewers’ own. The browser keeps the message itself beside the address: it is
// there after a reload, when the server has it no longer.

/** What the address says: `{ connection, message, layer, field }`, undefined where nothing; and
 * undefined for the address of a part of the page. */
export function pinned() {
  const hash = location.hash.slice(1);
  const said = new URLSearchParams(hash);
  if (hash !== "" && !said.has("c")) return undefined;
  const number = (name) => (/^\d+$/.test(said.get(name)) ? Number(said.get(name)) : undefined);
  return {
    connection: said.get("c") ?? undefined,
    message: /^o?\d+$/.test(said.get("m")) ? said.get("m") : undefined,
    layer: number("l"),
    field: number("f"),
  };
}

/** The message that the browser has kept with the address. */
export function kept() {
  return history.state?.message;
}

/** Writes it there: of a message, and of what is pinned in that, or of a connection. */
export function pin(connection, message, { layer, field } = {}) {
  const all = { c: connection, m: message?.number, l: layer, f: field };
  const told = Object.entries(all).filter(([, value]) => value !== undefined);
  const hash = told.length > 0 ? `#${new URLSearchParams(told)}` : "";
  history.replaceState({ message }, "", location.pathname + location.search + hash);
}
