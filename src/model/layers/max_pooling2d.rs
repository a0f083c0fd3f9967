//! Max pooling.

super::pooling::layer! {
    /// Largest value of each window of `[h, w, c]`: `[oh, ow, c]`.
    MaxPooling2d, max_pool2d
}
