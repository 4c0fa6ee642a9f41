//! Request heads as clients send them: for all that measures heads.

/// Three lines.
pub(crate) const CURL: &str = "GET /healthz HTTP/1.1\r\nHost: localhost:7777\r\n\
    User-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";
/// A browser asks for what is new.
pub(crate) const CHROMIUM: &str = "GET /c/10086/poll?since=1763712345678-1 HTTP/1.1\r\n\
    Host: localhost:7777\r\nConnection: keep-alive\r\nCache-Control: no-cache\r\n\
    sec-ch-ua: \"Chromium\";v=\"156\", \"Not A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/156.0.0.0 Safari/537.36\r\n\
    Accept: text/event-stream\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Dest: empty\r\nReferer: http://localhost:7777/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n";
/// A browser opens a WebSocket.
pub(crate) const HANDSHAKE: &str = "GET /c/10086/ws HTTP/1.1\r\nHost: localhost:7777\r\n\
    Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/156.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\nOrigin: http://localhost:7777\r\nSec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
