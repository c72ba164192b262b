#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| taskq_fuzz::events(data));
