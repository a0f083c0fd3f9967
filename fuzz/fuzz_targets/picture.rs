#![no_main]

#[path = "../folder.rs"]
mod folder;

// wgrad turns a panic of the decoder into an error of that picture, but libFuzzer's panic hook would end the process. So the
// hook is replaced. A panic that is not caught still ends the process.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| folder::read("picture", bytes)
);
