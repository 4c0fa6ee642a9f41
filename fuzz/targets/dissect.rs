//! See `pushscope::fuzz::dissect`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::dissect(data));
