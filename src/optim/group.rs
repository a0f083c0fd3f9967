//! Groups of variables that have a learning rate and a decay of their own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, GraphError, Variable};

/// Variables with factors of the learning rate and of the decay. Written as `PATTERN=RATE` or `PATTERN=RATE,DECAY`.
///
/// ```
/// use wgrad::optim::Group;
///
/// let group: Group = "*/bias=1,0".parse()?;
/// assert!(group.names("dense/bias") && !group.names("dense/kernel"));
/// assert_eq!((group.rate, group.decay), (1.0, 0.0));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Group {
    /// The whole name of a variable, or of its layer, in which `*` stands for any text.
    pub pattern: String,
    /// Factor of the learning rate, also where the decay is multiplied by that; 0 keeps the variables as they are.
    pub rate: f64,
    /// Factor of the decay.
    pub decay: f64,
}

impl Group {
    /// Whether a variable of this whole name is in the group.
    pub fn names(&self, variable: &str) -> bool {
        let layer = variable.rsplit_once('/').map_or("", |(layer, _)| layer);
        fits(&self.pattern, variable) || fits(&self.pattern, layer)
    }

    /// Makes sure that each of `groups` has a variable of `graph`: a name that is misspelt would change nothing.
    pub(super) fn check(groups: &[Self], graph: &Graph) -> Result<(), GraphError> {
        let is_empty = |group: &&Self| !graph.variables().iter().any(|variable| group.names(variable.name()));
        let Some(group) = groups.iter().find(is_empty) else { return Ok(()) };
        let wrong = format!("no layer or variable of the network is called `{}`, which names a group", group.pattern);
        Err(GraphError::Value { node: "optimizer".into(), wrong })
    }

    /// Factors of the learning rate and of the decay of `variable`: those of the first group that has it, else 1.
    pub(crate) fn factors(groups: &[Self], variable: &Variable) -> [f64; 2] {
        let group = groups.iter().find(|group| group.names(variable.name()));
        group.map_or([1.0; 2], |group| [group.rate, group.decay])
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(text) = text.strip_prefix(start).and_then(|text| text.strip_suffix(end)) else { return false };
    // The first place of each piece leaves most for those that follow.
    let mut left = Some(text);
    for piece in middle.split('*') {
        left = left.and_then(|text| if piece.is_empty() { Some(text) } else { Some(text.split_once(piece)?.1) });
    }
    left.is_some()
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={},{}", self.pattern, self.rate, self.decay)
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.to_string()
    }
}

impl TryFrom<String> for Group {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no group; write PATTERN=RATE or PATTERN=RATE,DECAY, as in */bias=1,0");
        let (pattern, factors) = text.rsplit_once('=').ok_or_else(wrong)?;
        let (rate, decay) = factors.split_once(',').unwrap_or((factors, "1"));
        let factor = |text: &str| text.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor >= 0.0);
        match (factor(rate), factor(decay)) {
            (Some(rate), Some(decay)) if !pattern.is_empty() => Ok(Self { pattern: pattern.into(), rate, decay }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("conv2d", "conv2d", true),
            ("conv2d", "conv2d_1", false),
            ("conv2d*", "conv2d_1", true),
            ("*", "", true),
            ("*/bias", "a/b/bias", true),
            ("*_1*l", "conv2d_1/kernel", true),
            ("*_2*l", "conv2d_1/kernel", false),
            ("é*", "éa", true),
            ("a*a", "a", false),
            ("a**b*", "acbb", true),
            ("*b*b*b", "abbc", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern}, {text}");
        }
    }

    #[test]
    fn groups_are_read_as_they_are_written() {
        for (text, pattern, rate, decay) in
            [("a=0.1", "a", 0.1, 1.0), ("*/bias=1,0", "*/bias", 1.0, 0.0), ("a=b=2,3", "a=b", 2.0, 3.0)]
        {
            let group: Group = text.parse().unwrap();
            assert_eq!(group, Group { pattern: pattern.into(), rate, decay });
            assert_eq!(group.to_string().parse::<Group>().unwrap(), group);
        }
        for wrong in ["", "a", "=1", "a=", "a=x", "a=-1", "a=1,", "a=inf", "a=1,2,3"] {
            wrong.parse::<Group>().unwrap_err();
        }
        let group: Group = "conv2d_1=0".parse().unwrap();
        assert!(group.names("conv2d_1/kernel") && group.names("conv2d_1/bias") && !group.names("conv2d/bias"));
    }
}
