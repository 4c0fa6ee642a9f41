//! See `pushscope::fuzz::cursor`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::cursor(data));
