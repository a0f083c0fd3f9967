//! Every operation against a naive f64 reference: forward, and each gradient against central differences, in the
//! middle of a graph, with every micro-kernel the adapter runs, runtime checks on and off.
//!
//! Bounds: the largest error is at most 1e-5 of the largest element of the reference for a forward pass, 1e-4 for a
//! gradient. (No sum's magnitude is below its result's, so this is the stricter of the two.)

mod activation;
mod adam;
mod add;
mod average_pool2d;
mod conv2d;
mod conv2d_max_pool2d;
mod dense;
mod dropout;
mod flatten;
mod harness;
mod ingest;
mod max_pool2d;
mod relu;
mod softmax_cross_entropy;
