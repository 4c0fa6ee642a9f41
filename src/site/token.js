// The token of this page's own address, which goes along with whatever the page asks for.
//
//     /?token=…          the page, for whoever has a token
//     /c/10086/sse?token=…
//
// A browser lets a page set no field for EventSource, WebSocket and frames: so all are asked in the
// same way. A page says no referrer, and what the inspector shows has the token blotted out.

/** An address of this server, with the token. */
export function withToken(address) {
  const url = new URL(address, location.href);
  if (TOKEN !== null) url.searchParams.set("token", TOKEN);
  return url;
}

/** What a line for a shell says besides: a variable, because lines are copied and kept. */
export const CURL_TOKEN = shown() === null ? "" : ' -H "Authorization: Bearer $PUSHSCOPE_TOKEN"';

function shown() {
  return new URLSearchParams(location.search).get("token");
}

/** Links to other pages lead there with the token. */
function handOn() {
  for (const link of document.querySelectorAll('a[href^="/"]')) link.href = withToken(link.href);
}

const TOKEN = shown();
if (TOKEN !== null) handOn();
