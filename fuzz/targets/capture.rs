//! See `pushscope::fuzz::capture`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::capture(data));
