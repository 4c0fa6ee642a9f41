//! See `pushscope::fuzz::utf8`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::utf8(data));
