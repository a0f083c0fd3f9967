// Floats of each part of a tensor that is larger than a binding; the last part may have fewer.
override BINDING_FLOATS: u32;
