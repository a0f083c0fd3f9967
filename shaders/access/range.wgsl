// First float of the part that a dispatch sees of each tensor that is larger than a binding.
override BINDING_FIRST: u32;
