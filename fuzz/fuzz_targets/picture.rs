#![no_main]

#[path = "../folder.rs"]
mod folder;

// A panic of the decoder is an error of that picture, for which libFuzzer's hook would end the process. One that is not
// caught ends it all the same.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| folder::read("picture", bytes)
);
