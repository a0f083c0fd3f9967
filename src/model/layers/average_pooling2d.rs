//! Average pooling.

super::pooling::layer! {
    /// Mean of each window of `[h, w, c]`: `[oh, ow, c]`.
    AveragePooling2d, average_pool2d
}
