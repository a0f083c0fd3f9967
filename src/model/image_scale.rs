//! How a network scales the bytes of its images.

use std::collections::HashSet;

use super::layers::Rescaling;
use super::{Layer, Network, Node, Value};
use crate::ops::PixelScale;

impl Network {
    /// Whether a rescaling or normalization reads the image, or pixels of it that other layers have only put elsewhere.
    fn scales_image(&self) -> bool {
        let mut pixels = HashSet::from([Value::Image]);
        for (place, node) in self.nodes.iter().enumerate() {
            if !node.inputs.iter().any(|input| pixels.contains(input)) {
                continue;
            }
            match node.layer {
                Layer::Rescaling(_) | Layer::Normalization(_) => return true,
                Layer::Flatten(_)
                | Layer::Reshape(_)
                | Layer::ZeroPadding2d(_)
                | Layer::Cropping2d(_)
                | Layer::Dropout(_)
                | Layer::SpatialDropout2d(_) => {
                    pixels.insert(Value::Layer(place));
                }
                _ => {}
            }
        }
        false
    }

    /// Puts a rescaling by 1/255 before everything that reads the image, unless the network scales the image
    /// itself; tells whether it did.
    pub(crate) fn scale_image(&mut self) -> bool {
        if self.scales_image() {
            return false;
        }
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            *input = match *input {
                Value::Image => Value::Layer(0),
                Value::Layer(place) => Value::Layer(place + 1),
            };
        }
        for weights in self.nodes.iter_mut().filter_map(|node| node.weights.as_mut()) {
            *weights += 1;
        }
        let layer = Layer::from(Rescaling::new(1.0 / 255.0));
        let name = self.free_name(&layer, &HashSet::new());
        self.nodes.insert(0, Node { name, layer, inputs: vec![Value::Image], trainable: true, weights: None });
        true
    }

    /// The layers that scale channels, of which the first alone reads the image and each other one alone reads the one
    /// before it, as far as an ingest can do what they do together; and what that is.
    pub(super) fn scaled_image(&self) -> (Vec<usize>, PixelScale) {
        let [_, _, channels] = self.input();
        let (mut places, mut scale, mut value) = (Vec::new(), PixelScale::default(), Value::Image);
        loop {
            let mut readers = self.nodes.iter().enumerate().filter(|(_, node)| node.inputs.contains(&value));
            let (Some((place, node)), None) = (readers.next(), readers.next()) else { return (places, scale) };
            let Some(next) = node.layer.channel_scale(channels) else { return (places, scale) };
            let both = scale.then(&next, channels);
            if !both.fits(channels) {
                return (places, scale);
            }
            places.push(place);
            (scale, value) = (both, Value::Layer(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of before keep their meaning, and files that scale their pixels theirs.
    #[test]
    fn the_version_says_whether_pixels_are_divided_by_255() {
        let read = |head: &str, layers: &str| {
            let text = format!("{head}\ninput = [4, 4, 2]\nlayers = [{layers}]");
            Network::from_toml(&text, None).map(|network| {
                let names = network.nodes().iter().map(|node| node.name.clone());
                (names.collect::<Vec<_>>().join(" "), network)
            })
        };
        let (flatten, add) = ("{ type = \"flatten\" }", "{ type = \"add\", inputs = [\"input\", \"input\"] }");
        let rescaling = "{ type = \"rescaling\", scale = [0.5, 2.0], offset = -1.0 }";
        let normalization = "{ type = \"normalization\", mean = 128, variance = [4096, 400] }";
        let both = format!("{add}, {flatten}");
        for (head, layers, names) in [
            ("", flatten.to_owned(), "rescaling flatten"),
            ("version = 1", both.clone(), "rescaling add flatten"),
            ("version = 2", flatten.to_owned(), "flatten"),
            ("", format!("{rescaling}, {flatten}"), "rescaling flatten"),
            ("", format!("{normalization}, {flatten}"), "normalization flatten"),
            (
                "",
                format!("{flatten}, {{ name = \"rescaling\", type = \"dense\", units = 2 }}"),
                "rescaling_1 flatten rescaling",
            ),
        ] {
            let (found, network) = read(head, &layers).unwrap();
            assert_eq!(found, names);
            assert_eq!(Network::from_toml(&network.to_toml().unwrap(), None).unwrap(), network);
        }
        let (_, network) = read("version = 1", &both).unwrap();
        assert_eq!(network.nodes()[1].inputs, [Value::Layer(0); 2]);
        let (_, affine) = network.scaled_image();
        assert_eq!(affine.scale, [1.0 / 255.0; 2]);
        let (_, network) = read("", &format!("{normalization}, {flatten}")).unwrap();
        let (_, affine) = network.scaled_image();
        assert_eq!((affine.scale, affine.offset), (vec![1.0 / 64.0, 0.05], vec![-2.0, -6.4]));
        // Several in a row are one scale and offset: (x - 128) / 64 times 0.5 less 1, and (x - 128) / 20 times 2 less 1.
        let (_, network) = read("", &format!("{normalization}, {rescaling}, {flatten}")).unwrap();
        let (places, affine) = network.scaled_image();
        assert_eq!((places, affine.scale, affine.offset), (vec![0, 1], vec![1.0 / 128.0, 0.1], vec![-2.0, -13.8]));
        for (head, layers, words) in [
            ("version = 3", flatten, "version 3"),
            ("", "{ type = \"rescaling\", scale = [1, 2, 3] }, { type = \"flatten\" }", "`scale` has 3 numbers"),
            ("", "{ type = \"rescaling\", scale = 1e39 }, { type = \"flatten\" }", "`scale` can't be"),
            ("", "{ type = \"rescaling\", scale = nan }, { type = \"flatten\" }", "`scale` can't be NaN"),
            (
                "",
                "{ type = \"normalization\", mean = 1, variance = -1 }",
                "`variance` can't be -1; give a number that is at least 0",
            ),
        ] {
            let error = read(head, layers).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        // Where the image is read twice, the ingest can't scale it. Pixels that only move are scaled behind that.
        let late = format!("{add}, {rescaling}, {flatten}");
        assert!(read("version = 2", &late).unwrap().1.scaled_image().0.is_empty());
        assert_eq!(read("", &late).unwrap().0, "rescaling_1 add rescaling flatten");
        let moved = format!("{flatten}, {{ type = \"rescaling\", scale = 0.5 }}");
        assert_eq!(read("", &moved).unwrap().0, "flatten rescaling");
    }
}
