#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taskq_fuzz::control(data));
