//! See `pushscope::fuzz::event_stream`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::event_stream(data));
