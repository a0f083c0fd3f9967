//! wgrad's command line.

fn main() {}
