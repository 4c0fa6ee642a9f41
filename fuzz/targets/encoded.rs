//! See `pushscope::fuzz::encoded`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pushscope::fuzz::encoded(data));
