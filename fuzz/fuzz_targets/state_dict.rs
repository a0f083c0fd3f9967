#![no_main]

#[path = "../folder.rs"]
mod folder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folder::read("state_dict", bytes));
