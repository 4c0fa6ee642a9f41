#!/usr/bin/env bash
# Every address through curl: statuses, fields, content, refusals.
#
#     tests/clients/curl.sh http://127.0.0.1:7777
#
# curl is the client that people try a server with, and it is stricter than it looks: it fails on
# a response whose framing is wrong.
set -euo pipefail

if [[ $# -ne 1 ]]; then
    echo "usage: $0 http://127.0.0.1:7777" >&2
    exit 2
fi
url=${1%/}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0
channels=0

# A channel that nobody has used before.
new_channel() {
    channels=$((channels + 1))
    channel="curl-$$-$channels"
}

# Asks, and keeps status, head and content; so may a subshell at the same time.
ask() {
    local kept=$scratch/$BASHPID
    : >"$kept.content"
    curl_exit=0
    status=$(curl --silent --show-error --max-time 20 --output "$kept.content" \
        --dump-header "$kept.head" --write-out '%{http_code}' "$@" 2>"$kept.error") ||
        curl_exit=$?
    head=$(tr -d '\r' <"$kept.head")
    content=$(tr -d '\0' <"$kept.content")
}

field() {
    sed -n "s/^$1: //Ip" <<<"$head" | tail -n 1
}

# check WHAT EXPECTED ACTUAL: the expected is a pattern of bash.
check() {
    # shellcheck disable=SC2053
    if [[ $3 == $2 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED  $section: $1: expected $2, got ${3:0:300} (curl: $curl_exit)"
    fi
}

# refused STATUS REASON ARGUMENTS…: an error, in the one shape that errors have.
refused() {
    local expected=$1 reason=$2
    shift 2
    ask "$@"
    check "$reason is refused" "$expected" "$status"
    local shape="\"code\":$expected,\"reason\":\"$reason\",\"clause\":\"*\",\"message\":\"*\""
    check "$reason has its shape" "{\"error\":{$shape}}" "$content"
    check "$reason is JSON" "application/json" "$(field Content-Type)"
}

# takes PATH ALLOW: HEAD has the fields of GET and no content; OPTIONS lists the methods.
takes() {
    ask --request OPTIONS "$url$1"
    check "OPTIONS $1" "204 $2" "$status $(field Allow)"
    refused 405 method_refused --request PATCH "$url$1"
    check "405 names what $1 takes" "$2" "$(field Allow)"
}

section='/c/{channel}'
new_channel
ask --data hello "$url/c/$channel"
check "a publication nobody hears" 202 "$status"
check "its answer" '{"id":"*-1","channel":"*","bytes":5,"subscribers":{}}' "$content"
ask --request PUT --data-binary $'two\nlines' "$url/c/$channel?event=price"
check "PUT publishes" 202 "$status"
id=$(sed -E 's/.*"id":"([0-9-]+)".*/\1/' <<<"$content")
ask "$url/c/$channel"
check "what is known of it" 200 "$status"
check "its count" '*"messages":2,*' "$content"
check "its newest" "*\"newest\":\"$id\"*" "$content"
ask --head "$url/c/$channel"
check "HEAD" "200 application/json" "$status $(field Content-Type)"
takes "/c/$channel" "GET, HEAD, POST, PUT, DELETE, OPTIONS"
ask --request DELETE "$url/c/$channel"
check "DELETE ends it" 200 "$status"
refused 404 channel_unknown --request DELETE "$url/c/$channel"
ask --http1.0 "$url/c/$channel"
check "HTTP/1.0 is closed" "200 close" "$status $(field Connection)"
refused 400 channel_refused --data x "$url/c/"
refused 400 channel_refused --data x "$url/c/a%0Ab"
refused 400 escape_invalid "$url/c/%zz"
refused 400 target_not_utf8 "$url/c/%ff"
refused 400 event_name_reserved --data x "$url/c/$channel?event=gap"
refused 415 content_type_refused --data x --header 'Content-Type: text/plain; charset=latin1' \
    "$url/c/$channel"

section='payloads'
new_channel
printf '\xff\xfe' >"$scratch/binary"
head --bytes=1048576 /dev/zero | tr '\0' x >"$scratch/largest"
printf x | cat "$scratch/largest" - >"$scratch/larger"
printf '\r\n\t"\\</script>\xe2\x80\xa8' >"$scratch/odd"
: >"$scratch/empty"
ask --data-binary @"$scratch/empty" "$url/c/$channel"
check "nothing is a message" '202 *"bytes":0,*' "$status $content"
ask --data-binary @"$scratch/odd" --header 'Content-Type: text/plain' "$url/c/$channel"
check "odd text" '202 *"bytes":*' "$status $content"
ask --data-binary @"$scratch/binary" --header 'Content-Type: image/png' "$url/c/$channel"
check "binary" '202 *"bytes":2,*' "$status $content"
refused 400 text_not_utf8 --data-binary @"$scratch/binary" --header 'Content-Type: text/plain' \
    "$url/c/$channel"
ask --data-binary @"$scratch/largest" "$url/c/$channel"
check "the largest message, after 100 Continue" '202 *"bytes":1048576,*' "$status $content"
ask --header 'Expect: 100-continue' --data x "$url/c/$channel"
check "100 Continue came first" '*100 Continue*' "${head%%$'\n'*}"
refused 413 content_too_long --header 'Expect: 100-continue' \
    --data-binary @"$scratch/larger" "$url/c/$channel"
ask --upload-file - "$url/c/$channel" <"$scratch/largest"
check "chunks" '202 *"bytes":1048576,*' "$status $content"
refused 413 chunks_too_long --upload-file - "$url/c/$channel" <"$scratch/larger"
refused 417 expectation_unknown --header 'Expect: the-unexpected' --data x "$url/c/$channel"

section='/c/{channel}/poll'
new_channel
curl --silent --output /dev/null --data hello "$url/c/$channel"
ask "$url/c/$channel/poll"
check "all there is" '{"messages":[[]{"id":"*-1",*"data":"hello"}],"next":"*-1"}' "$content"
etag=$(field ETag)
check "the cursor is the ETag" '"*-1"' "$etag"
check "it is not kept" no-store "$(field Cache-Control)"
ask --header "If-None-Match: $etag" "$url/c/$channel/poll"
check "nothing new" '304 ' "$status $content"
check "304 has the cursor" "$etag" "$(field ETag)"
ask "$url/c/$channel/poll?since=${etag//\"/}"
check "nothing since" '304 ' "$status $content"
ask "$url/c/$channel/poll?since=1-1"
check "a gap has a count" '200 [0-9]*' "$status $(field Pushscope-Gap)"
ask --head "$url/c/$channel/poll"
check "HEAD" "200 application/json" "$status $(field Content-Type)"
refused 400 cursor_refused "$url/c/$channel/poll?since=yesterday"
takes "/c/$channel/poll" "GET, HEAD, OPTIONS"

section='/c/{channel}/longpoll'
ask "$url/c/$channel/longpoll?since=all"
check "what there is, at once" '200 *"data":"hello"*' "$status $content"
ask "$url/c/$channel/longpoll?timeout=0"
check "the end of a park" "304 $etag" "$status $(field ETag)"
(ask "$url/c/$channel/longpoll?since=${etag//\"/}" && echo "$status $content") >"$scratch/parked" &
parked=$!
until curl --silent "$url/c/$channel" | grep -q '"long_poll":1'; do :; done
curl --silent --output /dev/null --data 'at last' "$url/c/$channel"
wait "$parked"
check "what was waited for" '200 *"data":"at last"*' "$(cat "$scratch/parked")"
refused 400 timeout_refused "$url/c/$channel/longpoll?timeout=soon"
takes "/c/$channel/longpoll" "GET, HEAD, OPTIONS"

# stream ARGUMENTS…: what comes until the channel is deleted.
stream() {
    (ask --no-buffer "$@" && printf '%s %s\n%s\n\n%s' "$status" "$curl_exit" "$head" "$content") \
        >"$scratch/stream" &
    local streaming=$!
    until curl --silent "$url/c/$channel" | grep -q '"subscribers":{"'; do :; done
    curl --silent --output /dev/null --data-binary '"</script>' "$url/c/$channel"
    curl --silent --output /dev/null --request DELETE "$url/c/$channel"
    wait "$streaming"
    streamed=$(cat "$scratch/stream")
}

section='/c/{channel}/iframe'
new_channel
stream "$url/c/$channel/iframe"
check "it ends whole" '200 0*' "$streamed"
check "its type" $'*\nContent-Type: text/html; charset=utf-8\n*' "$streamed"
check "it is not sniffed" $'*\nX-Content-Type-Options: nosniff\n*' "$streamed"
check "no payload leaves its script" '*"data":"\\"\\u003c/script\\u003e"})</script>*' "$streamed"
takes "/c/$channel/iframe" "GET, HEAD, OPTIONS"

section='/c/{channel}/stream'
new_channel
stream "$url/c/$channel/stream"
check "it ends whole" '200 0*' "$streamed"
check "its type" $'*\nContent-Type: application/x-ndjson\n*' "$streamed"
check "it is chunked" $'*\nTransfer-Encoding: chunked\n*' "$streamed"
check "its line" '*"data":"\\"</script>"}*' "$streamed"
check "its end" '*{"end":"deleted"}*' "$streamed"
new_channel
stream --http1.0 "$url/c/$channel/stream"
check "HTTP/1.0 knows no chunks" '200 0*' "$streamed"
check "its line" '*"data":"\\"</script>"}*' "$streamed"
takes "/c/$channel/stream" "GET, HEAD, OPTIONS"

section='/c/{channel}/sse'
new_channel
stream "$url/c/$channel/sse"
check "it ends" '200 0*' "$streamed"
check "its type" $'*\nContent-Type: text/event-stream\n*' "$streamed"
check "nobody holds it back" $'*\nX-Accel-Buffering: no\n*' "$streamed"
check "nobody changes it" $'*\nCache-Control: no-cache, no-transform\n*' "$streamed"
check "its event" $'*\ndata: "</script>\n\n*' "$streamed"
check "its end" $'*\nevent: end\ndata: the channel was deleted*' "$streamed"
new_channel
stream --header 'Accept: text/html, text/event-stream;q=0.9' "$url/c/$channel"
check "Accept asks for it, too" $'*\nContent-Type: text/event-stream\n*' "$streamed"
takes "/c/$channel/sse" "GET, HEAD, OPTIONS"

section='/c/{channel}/ws'
refused 426 upgrade_missing "$url/c/$channel/ws"
check "which version" 13 "$(field Sec-WebSocket-Version)"
refused 400 ws_key_invalid --header 'Connection: Upgrade' --header 'Upgrade: websocket' \
    --header 'Sec-WebSocket-Version: 13' --header 'Sec-WebSocket-Key: short' "$url/c/$channel/ws"
takes "/c/$channel/ws" "GET, HEAD, OPTIONS"

section='/polling/watch/{id}'
new_channel
ask "$url/polling/watch/$channel?timeout=0"
check "nothing yet" '304 ' "$status $content"
(ask "$url/polling/watch/$channel" && echo "$status $content") >"$scratch/parked" &
parked=$!
until curl --silent "$url/c/$channel" | grep -q '"long_poll":1'; do :; done

section='/polling/publish/{id}'
ask "$url/polling/publish/$channel"
check "it says so" '200 success' "$status $content"
wait "$parked"
check "the newest, bare" '200 I updated at ???, ?? ??? ???? ??:??:?? GMT' "$(cat "$scratch/parked")"
ask "$url/polling/publish/$channel?message=a%20b+c"
check "with a message" '200 success' "$status $content"
takes "/polling/publish/$channel" "GET, OPTIONS"

section='/message/count/{id}'
ask "$url/message/count/$channel"
check "unread" '200 {"code":200,"data":2}' "$status $content"
takes "/message/count/$channel" "GET, HEAD, OPTIONS"

section='/message/read/{id}'
ask --request POST "$url/message/read/$channel?upto=1"
check "one of them is read" '200 {"code":200,"data":1}' "$status $content"
ask --request POST "$url/message/read/$channel"
check "all of them are" '200 {"code":200,"data":0}' "$status $content"
refused 405 method_refused "$url/message/read/$channel"
takes "/message/read/$channel" "POST, OPTIONS"

section='/iframe/message'
ask --max-time 1 "$url/iframe/message"
check "it goes on" '200 28' "$status $curl_exit"
check "the clock" "*parent.document.getElementById('clock')*" "$content"
check "the count" "*getElementById('count')*" "$content"

section='/iframe/message/{id}'
new_channel
stream "$url/iframe/message/$channel"
check "the count" "*getElementById('count')*" "$streamed"
takes "/iframe/message/$channel" "GET, HEAD, OPTIONS"

section='/sse/sub/{id}'
new_channel
stream "$url/sse/sub/$channel"
check "its event" $'*\ndata: "</script>\n\n*' "$streamed"
takes "/sse/sub/$channel" "GET, HEAD, OPTIONS"

section='/webSocket/{id}'
refused 426 upgrade_missing "$url/webSocket/$channel"
section='/websocket/{id}'
refused 426 upgrade_missing "$url/websocket/$channel"

section='/received/{id}'
ask "$url/received/$channel"
check "nobody has said anything" '200 [[]]' "$status $content"
takes "/received/$channel" "GET, HEAD, OPTIONS"

section='/socket/publish'
ask "$url/socket/publish?userId=$channel&message=hello"
check "it says so" '200 success' "$status $content"
refused 400 parameter_missing "$url/socket/publish?userId=$channel"
refused 400 parameter_missing "$url/socket/publish?message=hello"
takes "/socket/publish" "GET, OPTIONS"

section='/orderpay'
new_channel
ask "$url/orderpay?payid=$channel"
check "it is ended after 3 s" "200 0" "$status $curl_exit"
check "what it says" $'retry: 1000\ndata: Connection succeeded' "$content"
refused 400 parameter_missing "$url/orderpay"

section='/payback'
ask "$url/payback?payid=$channel"
check "it says so" '200 success' "$status $content"
ask --max-time 2 "$url/orderpay?payid=$channel"
check "who comes just after is told" $'*\nid: 6666\nevent: finish\ndata: ha-ha*' "$content"
takes "/payback" "GET, OPTIONS"

section='/ws/asset'
refused 426 upgrade_missing "$url/ws/asset"
section='/echo'
refused 426 upgrade_missing "$url/echo"

section='/online'
ask "$url/online"
check "how many are there" '200 {*"online":[0-9]*}' "$status $content"
check "by mechanism" '{*"by":{*}*}' "$content"
takes "/online" "GET, HEAD, OPTIONS"

for section in /healthz /livez /readyz; do
    ask "$url$section"
    check "it lives" '200 ok' "$status $content"
    takes "$section" "GET, HEAD, OPTIONS"
done

section='/ledger'
ask "$url/ledger"
check "a statement" '200 {"snapshot":"[0-9]*-[0-9]*' "$status $content"
check "it balances" '*"balances":true*' "$content"
for owner in poll long_poll iframe xhr_stream sse websocket publish request loop; do
    check "an account of $owner" "*{\"owner\":\"$owner\",*" "$content"
done
snapshot=$(sed -E 's/^\{"snapshot":"([0-9-]+)".*/\1/' <<<"$content")
ask "$url/ledger?since=$snapshot"
check "a difference" "*\"since\":\"$snapshot\"*" "$content"
ask "$url/ledger?kernel=1"
check "the kernel's word" '*"kernel_open":{"sockets":*' "$content"
ask "$url/ledger?since=7-1"
check "no such snapshot" '404 *"snapshot_unknown"*' "$status $content"
takes "/ledger" "GET, HEAD, OPTIONS"

section='/metrics'
ask "$url/metrics"
check "Prometheus" '200 text/plain; version=0.0.4*' "$status $(field Content-Type)"
check "bytes by kind" '*pushscope_sent_bytes_total{owner="sse",kind="payload"}*' "$content"
takes "/metrics" "GET, HEAD, OPTIONS"

section='/c/{channel}/receipts/{id}'
ask "$url/c/receipts" -d hello
id=$(sed -E 's/^\{"id":"([0-9-]+)".*/\1/' <<<"$content")
ask "$url/c/receipts/receipts/$id"
check "a receipt" "200 {\"id\":\"$id\",\"channel\":\"receipts\",*\"bytes\":5,*" "$status $content"
ask "$url/c/receipts/receipts/1-1"
check "no such message" '404 *"receipt_unknown"*' "$status $content"
takes "/c/receipts/receipts/$id" "GET, HEAD, OPTIONS"

section='/c/{channel}/envelopes/{id}'
ask "$url/c/receipts/envelopes/$id"
check "six envelopes" '200 *"mechanism":"poll"*"mechanism":"websocket"*' "$status $content"
ask "$url/c/receipts/envelopes/1-1"
check "no such message" '404 *"message_unknown"*' "$status $content"
takes "/c/receipts/envelopes/$id" "GET, HEAD, OPTIONS"

section='/inspect/connections'
ask "$url/inspect/connections"
check "who is connected" '200 *"connections":\[*"peer":"127.0.0.1:*' "$status $content"
refused 421 host_unknown "$url/inspect/connections" -H 'Host: rebound.example'
refused 403 inspect_refused "$url/inspect/connections" -H 'Origin: http://foreign.example'
takes "/inspect/connections" "GET, HEAD, OPTIONS"

section='/inspect/events'
(until curl --silent "$url/inspect/connections" | grep -q '"owner":"sse"'; do :; done
    curl --silent --output /dev/null "$url/livez") &
ask --max-time 2 "$url/inspect/events"
wait
check "its type" '200 text/event-stream' "$status $(field Content-Type)"
check "what others say" '*event: unit*"summary":"GET /livez"*"name":"method",*' "$content"
takes "/inspect/events" "GET, HEAD, OPTIONS"

section='pages'
ask "$url/"
check "the home page" '200 text/html; charset=utf-8' "$status $(field Content-Type)"
check "nothing foreign runs in it" "default-src 'none'; *" "$(field Content-Security-Policy)"
for part in $(grep -oE '(src|href)="/[^"#]*"' <<<"$content" | sed 's/.*="\(.*\)"/\1/' | sort -u); do
    ask "$url$part"
    check "$part is there" 200 "$status"
done
for page in /chat /payment; do
    ask "$url$page"
    check "$page" '200 *<!doctype html>*' "$status $content"
done

section='what is not there'
refused 404 not_found "$url/nothing"
refused 404 not_found "$url/c/a/b/c"
refused 404 not_found --path-as-is "$url/site/../Cargo.toml"
refused 501 method_unknown --request BREW "$url/"
refused 414 target_too_long "$url/$(head --bytes=9000 /dev/zero | tr '\0' x)"
refused 431 head_too_long --header "X-Large: $(head --bytes=17000 /dev/zero | tr '\0' x)" "$url/"
refused 400 content_refused --request GET --data x "$url/"
refused 403 origin_refused --header 'Origin: http://foreign.example' --data x "$url/c/$channel"
ask --request OPTIONS --request-target '*' "$url"
check "OPTIONS *" 204 "$status"
ask --header 'Origin: http://foreign.example' "$url/online"
check "no foreign page reads" "200 " "$status $(field Access-Control-Allow-Origin)"
ask --header "Origin: $url" "$url/online"
check "a page of our own does" "200 $url" "$status $(field Access-Control-Allow-Origin)"

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
