//! Names of values and nodes in an ONNX graph.

use std::collections::HashSet;

/// Gives out each name once.
///
/// ONNX demands C identifiers that are unique in their graph (docs/IR.md, "Names Within a Graph"), and layers can have
/// any name. Two names never differ in case alone either: some programs store each tensor in a file of its name, and
/// file systems may ignore case.
#[derive(Debug, Default)]
pub struct Names {
    /// In lower case.
    taken: HashSet<String>,
}

impl Names {
    /// A new name: `wanted` as an identifier, with a number behind it if that name is taken.
    pub fn unique(&mut self, wanted: &str) -> String {
        let stem = identifier(wanted);
        let mut name = stem.clone();
        let mut count = 0;
        while !self.taken.insert(name.to_ascii_lowercase()) {
            count += 1;
            name = format!("{stem}_{count}");
        }
        name
    }
}

/// `text` with `_` in place of every character that C identifiers can't have.
fn identifier(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers() {
        for (text, name) in [
            ("conv2d/kernel", "conv2d_kernel"),
            ("a_1", "a_1"),
            ("2nd layer", "_2nd_layer"),
            ("h\u{e9}.\u{1f431}", "h___"),
            ("", "_"),
        ] {
            assert_eq!(identifier(text), name);
        }
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = Names::default();
        let given = ["a", "a_1", "a", "A", "a/1", "a_1_1", ""].map(|wanted| names.unique(wanted));
        assert_eq!(given, ["a", "a_1", "a_2", "A_3", "a_1_1", "a_1_1_1", "_"]);
    }
}
