//! See `pushscope::fuzz::engine`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::engine(data));
