#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| visor_tests::fuzz_bodies::record::run(data));
