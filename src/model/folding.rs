//! Batch normalizations that the layer before them could do in inference.

use super::{Layer, Network, Node, Value};

/// A normalization, and the layer whose kernel and bias could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fold {
    /// Place of the layer that the normalization reads.
    pub product: usize,
    /// Name of that layer's kernel, whose last sizes are the channels of its output.
    pub kernel: &'static str,
    /// Place of the normalization.
    pub normalization: usize,
}

impl Network {
    /// The batch normalizations that read a convolution or a dense layer without an activation, which nothing else reads, if no
    /// other layer uses the weights of either.
    pub(crate) fn folds(&self) -> Vec<Fold> {
        let readers = self.readers();
        let fold = |(normalization, node): (usize, &Node)| {
            let (Layer::BatchNormalization(_), [Value::Layer(product)]) = (&node.layer, &node.inputs[..]) else {
                return None;
            };
            // Weights that other layers use too must stay as they are.
            let is_own = |place: usize| self.call(place) == (0, 1);
            let alone = readers[*product].len() == 1 && is_own(*product) && is_own(normalization);
            let kernel = self.nodes[*product].layer.kernel_of_channels().filter(|_| alone)?;
            Some(Fold { product: *product, kernel, normalization })
        };
        self.nodes.iter().enumerate().filter_map(fold).collect()
    }

    /// The network without the normalizations of `folds`. Their layers have a bias in their place.
    pub(crate) fn folded(mut self, folds: &[Fold]) -> Self {
        for fold in folds {
            self.nodes[fold.product].layer.add_bias();
        }
        // What stands where each layer stood.
        let mut places: Vec<Value> = Vec::with_capacity(self.nodes.len());
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for (place, mut node) in self.nodes.into_iter().enumerate() {
            for input in &mut node.inputs {
                if let Value::Layer(place) = *input {
                    *input = places[place];
                }
            }
            if let Some(Value::Layer(owner)) = node.weights.map(|owner| places[owner]) {
                node.weights = Some(owner);
            }
            if folds.iter().any(|fold| fold.normalization == place) {
                places.extend(node.inputs);
                continue;
            }
            places.push(Value::Layer(nodes.len()));
            nodes.push(node);
        }
        self.nodes = nodes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layers::{Add, BatchNormalization, Conv2d, DepthwiseConv2d, Flatten};
    use crate::model::{Activation, Functional};

    #[test]
    fn normalizations_of_products_are_folded() {
        let mut net = Functional::new([4, 4, 2]);
        let normalization = BatchNormalization::default;
        let x = net.apply(Conv2d { use_bias: false, ..Conv2d::new(2, 1) }, [net.input()]).unwrap();
        let x = net.apply(normalization(), [x]).unwrap();
        // An activation stands between, and so does another reader.
        let y = net.apply(Conv2d { activation: Activation::Relu, ..Conv2d::new(2, 1) }, [x]).unwrap();
        let y = net.apply(normalization(), [y]).unwrap();
        let z = net.apply(Conv2d::new(2, 1), [x]).unwrap();
        let n = net.apply(normalization(), [z]).unwrap();
        let x = net.apply(Add {}, [y, z, n]).unwrap();
        let x = net.apply(normalization(), [x]).unwrap();
        let x = net.apply(DepthwiseConv2d::new(1), [x]).unwrap();
        let x = net.apply(normalization(), [x]).unwrap();
        let x = net.apply(Flatten {}, [x]).unwrap();
        let network = net.output(x);
        let folds = network.folds();
        assert_eq!(folds.iter().map(|fold| (fold.product, fold.normalization)).collect::<Vec<_>>(), [(0, 1), (8, 9)]);
        let folded = network.folded(&folds);
        let names: Vec<&str> = folded.nodes().iter().map(|node| node.name.as_str()).collect();
        let wanted = ["conv2d", "conv2d_1", "batch_normalization_1", "conv2d_2", "batch_normalization_2", "add"];
        assert_eq!(names, [&wanted[..], &["batch_normalization_3", "depthwise_conv2d", "flatten"]].concat());
        let inputs: Vec<&[Value]> = folded.nodes().iter().map(|node| &node.inputs[..]).collect();
        let layer = Value::Layer;
        assert_eq!(inputs[1..4], [&[layer(0)][..], &[layer(1)], &[layer(0)]]);
        assert_eq!(inputs[5..], [&[layer(2), layer(3), layer(4)][..], &[layer(5)], &[layer(6)], &[layer(7)]]);
        let biases = |node: &Node| matches!(&node.layer, Layer::Conv2d(conv) if conv.use_bias);
        assert!(biases(&folded.nodes()[0]));
        folded.infer().unwrap();
    }
}
