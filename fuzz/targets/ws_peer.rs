//! See `bodies/ws_peer.rs`.
#![no_main]
#[path = "../bodies/ws_peer.rs"]
mod ws_peer;
libfuzzer_sys::fuzz_target!(|data: &[u8]| ws_peer::ws_peer(data));
