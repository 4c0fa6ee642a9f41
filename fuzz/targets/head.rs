//! See `pushscope::fuzz::head`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::head(data));
