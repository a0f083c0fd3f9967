//! The classes of a data set matched with those of a network, by name.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Dataset, Split};

/// Most names that a message lists before it counts the rest.
const MOST_LISTED: usize = 5;

/// Says which class of a network each class of a data set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassMap {
    /// Names of the network's classes.
    names: Vec<String>,
    /// The network's class of each label of the data set.
    classes: Vec<u16>,
}

/// Class names of a network and of a data set that do not match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassNameError {
    /// The data set has classes that the network does not have.
    #[error("{}", difference(unknown, missing))]
    Differ {
        /// Classes of the data set that the network does not have.
        unknown: Vec<String>,
        /// Classes of the network that the data set does not have.
        missing: Vec<String>,
    },
    /// A name that stands for two classes.
    #[error("two classes are called `{0}`, so that classes cannot be matched by name")]
    Twice(String),
    /// More classes than labels can number.
    #[error("there are {0} classes, but a data set has at most 65536")]
    TooMany(usize),
}

impl ClassMap {
    /// Finds each of the classes `data` of a data set among the classes `network` of a network. The network may have
    /// more classes than the data set. Equal lists match even if a name is in them twice.
    ///
    /// # Errors
    /// [`ClassNameError`]
    pub fn by_name(network: &[String], data: &[String]) -> Result<Self, ClassNameError> {
        let names = network.to_vec();
        if network == data {
            return Ok(Self { names, classes: (0..=u16::MAX).take(data.len()).collect() });
        }
        let [of_network, of_data] = [places(network)?, places(data)?];
        let unknown = without(data, &of_network);
        if !unknown.is_empty() {
            return Err(ClassNameError::Differ { unknown, missing: without(network, &of_data) });
        }
        Ok(Self { names, classes: data.iter().map(|name| of_network[name.as_str()]).collect() })
    }

    /// Whether each label of the data set is the network's class of the same number.
    pub fn keeps_labels(&self) -> bool {
        self.classes.iter().zip(0..).all(|(class, label)| *class == label)
    }

    /// Number of classes that the network has and the data set does not have.
    pub fn missing(&self) -> usize {
        self.names.len() - self.classes.len()
    }
}

impl Dataset {
    /// The data set with the network's classes: its labels are numbers of the network's classes, and its class names are
    /// the network's. The checksum stays that of the data as they were read.
    pub fn with_classes(self, map: &ClassMap) -> Self {
        if !map.keeps_labels() {
            // Otherwise it would keep the images as they are, and they would be copied.
            self.checksum.get();
        }
        let split = |split: Arc<Split>| match map.keeps_labels() {
            true => split,
            false => {
                let mut split = Arc::unwrap_or_clone(split);
                for label in &mut split.labels {
                    *label = map.classes.get(usize::from(*label)).copied().unwrap_or(*label);
                }
                Arc::new(split)
            }
        };
        let (train, validation, test) = (split(self.train), self.validation.map(split), split(self.test));
        Self { class_names: map.names.clone(), train, validation, test, ..self }
    }
}

/// The number of each class, by name.
fn places(names: &[String]) -> Result<HashMap<&str, u16>, ClassNameError> {
    let mut places = HashMap::new();
    for (place, name) in names.iter().enumerate() {
        let place = u16::try_from(place).map_err(|_| ClassNameError::TooMany(names.len()))?;
        if places.insert(name.as_str(), place).is_some() {
            return Err(ClassNameError::Twice(name.clone()));
        }
    }
    Ok(places)
}

fn without(names: &[String], others: &HashMap<&str, u16>) -> Vec<String> {
    names.iter().filter(|name| !others.contains_key(name.as_str())).cloned().collect()
}

fn difference(unknown: &[String], missing: &[String]) -> String {
    let unknown = format!("the data set has {} that the network does not have: {}", classes(unknown), list(unknown));
    match missing {
        [] => unknown,
        missing => format!(
            "{unknown}; the network has {} that the data set does not have: {}",
            classes(missing),
            list(missing)
        ),
    }
}

fn classes(names: &[String]) -> String {
    if names.len() == 1 { "a class".into() } else { format!("{} classes", names.len()) }
}

/// The first names, and how many follow.
fn list(names: &[String]) -> String {
    let first = names[..names.len().min(MOST_LISTED)].join(", ");
    match names.len().saturating_sub(MOST_LISTED) {
        0 => first,
        rest => format!("{first} and {rest} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &str) -> Vec<String> {
        names.split_whitespace().map(Into::into).collect()
    }

    fn map(network: &str, data: &str) -> Result<ClassMap, ClassNameError> {
        ClassMap::by_name(&names(network), &names(data))
    }

    #[test]
    fn each_class_is_found_by_its_name() {
        for (network, data, classes) in [
            ("a b c", "a b c", vec![0, 1, 2]),
            ("a b c", "c a b", vec![2, 0, 1]),
            ("b a", "a b", vec![1, 0]),
            ("a b c d", "d b", vec![3, 1]),
            ("a b c d", "a b", vec![0, 1]),
            ("a b a", "a b a", vec![0, 1, 2]),
            ("", "", vec![]),
        ] {
            let map = map(network, data).unwrap();
            assert_eq!(map.classes, classes, "{network}: {data}");
            assert_eq!(map.missing(), names(network).len() - classes.len());
            assert_eq!(map.keeps_labels(), classes.iter().zip(0..).all(|(class, label)| *class == label));
        }
    }

    #[test]
    fn names_that_differ_are_told() {
        for (network, data, unknown, missing) in [
            ("a b c", "x y z", "x y z", "a b c"),
            ("a b c", "a b x", "x", "c"),
            ("a b", "a b c", "c", ""),
            // Upper case is another name.
            ("cat dog", "Cat dog", "Cat", "cat"),
        ] {
            let error = ClassNameError::Differ { unknown: names(unknown), missing: names(missing) };
            assert_eq!(map(network, data), Err(error), "{network}: {data}");
        }
        assert_eq!(map("a b a", "a b"), Err(ClassNameError::Twice("a".into())));
        assert_eq!(map("a b", "b b"), Err(ClassNameError::Twice("b".into())));
        let text = |network, data| map(network, data).unwrap_err().to_string();
        assert_eq!(
            text("a b", "a x"),
            "the data set has a class that the network does not have: x; the network has a class that the data set \
             does not have: b"
        );
        assert_eq!(
            text("a b", "a b 1 2 3 4 5 6 7"),
            "the data set has 7 classes that the network does not have: 1, 2, 3, 4, 5 and 2 more"
        );
    }

    #[test]
    fn labels_become_those_of_the_network() {
        let split = |labels: &[u16]| Split::new([1, 1, 1], (0..labels.len() as u8).collect(), labels.to_vec());
        let data = Dataset::new("x", "", names("c a"), split(&[0, 1, 1]), split(&[1, 0]));
        let (checksum, kept) = (data.checksum.get().to_owned(), data.clone());
        let mapped = data.with_classes(&map("a b c", "c a").unwrap());
        assert_eq!(mapped.class_names, names("a b c"));
        assert_eq!((mapped.train.labels(), mapped.test.labels()), (&[2, 0, 0][..], &[0, 2][..]));
        assert_eq!((mapped.train.pixels(), mapped.checksum.get()), (&[0, 1, 2][..], checksum.as_str()));
        assert_eq!(kept.train.labels(), [0, 1, 1]);
    }
}
