//! See `pushscope::fuzz::ws_frame`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::ws_frame(data));
