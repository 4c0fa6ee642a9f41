//! See `pushscope::fuzz::target`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::target(data));
