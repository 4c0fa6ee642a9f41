//! See `pushscope::fuzz::body`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::body(data));
