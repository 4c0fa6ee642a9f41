//! See `pushscope::fuzz::ws_message`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::ws_message(data));
