//! See `pushscope::fuzz::ws_handshake`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::ws_handshake(data));
