//! Which layers of a network read which.

use std::collections::HashMap;

use super::{Network, Node, Value};

impl Network {
    /// The nodes that read each node, once for each time that they do.
    pub(super) fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                if let Value::Layer(input) = input {
                    readers[*input].push(place);
                }
            }
        }
        readers
    }

    /// Whether each layer reads the one before it and nothing else, and the first one the image.
    pub fn is_row(&self) -> bool {
        let mut before = Value::Image;
        self.nodes.iter().enumerate().all(|(place, node)| {
            let wanted = std::mem::replace(&mut before, Value::Layer(place));
            node.inputs == [wanted]
        })
    }

    /// Leaves out the layers that `output` does not depend on. `output` is the network's output then. Where several layers use
    /// the same variables, the first that stays has them, under the name of the one that had them before.
    pub(super) fn keep(mut self, output: Value) -> Self {
        let last = match output {
            Value::Image => 0,
            Value::Layer(place) => place + 1,
        };
        self.nodes.truncate(last);
        let mut kept = vec![false; last];
        kept.iter_mut().rev().take(1).for_each(|kept| *kept = true);
        for place in (0..last).rev() {
            if kept[place] {
                for input in &self.nodes[place].inputs {
                    if let Value::Layer(input) = input {
                        kept[*input] = true;
                    }
                }
            }
        }
        let owners: Vec<(usize, String)> =
            (0..last).map(|place| self.owner(place)).map(|owner| (owner, self.nodes[owner].name.clone())).collect();
        let mut new_owners: HashMap<usize, usize> = HashMap::new();
        let mut places = Vec::with_capacity(last);
        let mut nodes: Vec<Node> = Vec::new();
        for ((mut node, kept), (owner, name)) in self.nodes.into_iter().zip(kept).zip(owners) {
            places.push(nodes.len());
            if kept {
                for input in &mut node.inputs {
                    if let Value::Layer(place) = input {
                        *place = places[*place];
                    }
                }
                node.weights = new_owners.get(&owner).copied();
                if node.weights.is_none() {
                    node.name = name;
                    new_owners.insert(owner, nodes.len());
                }
                nodes.push(node);
            }
        }
        self.nodes = nodes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Functional;
    use crate::model::layers::{Add, Conv2d, Dense, Flatten};

    /// A block with a shortcut, in which one layer leads nowhere.
    fn block() -> Network {
        let mut net = Functional::new([8, 8, 4]);
        let x = net.apply(Conv2d::new(4, 1), [net.input()]).unwrap();
        let y = net.apply(Conv2d::new(4, 1), [x]).unwrap();
        net.apply(Flatten {}, [x]).unwrap();
        let y = net.apply(Add {}, [y, x, net.input()]).unwrap();
        let y = net.apply(Flatten {}, [y]).unwrap();
        let y = net.apply_named("head", Dense::new(3), [y]).unwrap();
        net.apply(Dense::new(5), [y]).unwrap();
        net.output(y)
    }

    #[test]
    fn layers_that_lead_nowhere_are_left_out() {
        let network = block();
        let names: Vec<&str> = network.nodes().iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["conv2d", "conv2d_1", "add", "flatten_1", "head"]);
        assert_eq!(network.nodes()[2].inputs, [Value::Layer(1), Value::Layer(0), Value::Image]);
        assert_eq!(network.nodes()[4].inputs, [Value::Layer(3)]);
        assert_eq!((network.classes(), network.is_row()), (Ok(3), false));
        // The first layer that stays has the variables that others use too.
        let mut net = Functional::new([4, 4, 1]);
        let x = net.apply(Flatten {}, [net.input()]).unwrap();
        let y = net.apply_named("first", Dense::new(16), [x]).unwrap();
        let z = net.apply_again(Some("second"), y, [x]).unwrap();
        let z = net.apply_again(None, z, [z]).unwrap();
        assert!(net.apply_again(None, x, [x]).unwrap_err().to_string().contains("that has none"));
        let network = net.output(z);
        let names: Vec<_> = network.nodes().iter().map(|node| (node.name.as_str(), node.weights)).collect();
        assert_eq!(names, [("flatten", None), ("first", None), ("dense", Some(1))]);
        let network = block();
        assert_eq!(network.readers(), [vec![1, 2], vec![2], vec![3], vec![4], vec![]]);
    }
}
