//! The text of a kernel's module, in which some constants have become numbers that are read at run time.

use std::collections::HashMap;
use std::fmt::Write;

/// Binding of the numbers in group 0.
pub const NUMBERS_BINDING: u32 = 15;

/// The text of a module, and the numbers that it reads at run time.
///
/// The WGSL declares every size as a constant, `override NAME: u32;`. A compiler makes the fastest code of constants, but
/// has to make it again for each value. So a dispatch says which of them its pipeline reads from a uniform instead, and
/// then `NAME` is replaced by `numbers.NAME`. A name that has several numbers is a table of them, which the WGSL declares as
/// `const NAME = array<vec4<f32>, 1>();` and which becomes as long as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// WGSL.
    pub text: String,
    /// Name and type of each number, in the order of the uniform.
    members: Vec<(&'static str, NumberType)>,
}

/// The type of a number in WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberType {
    U32,
    I32,
    F32,
    /// So many vectors of four numbers.
    Table(usize),
}

impl NumberType {
    fn of(name: &str) -> Option<Self> {
        match name {
            "u32" => Some(Self::U32),
            "i32" => Some(Self::I32),
            "f32" => Some(Self::F32),
            _ => None,
        }
    }

    fn name(self) -> String {
        match self {
            Self::U32 => "u32".into(),
            Self::I32 => "i32".into(),
            Self::F32 => "f32".into(),
            Self::Table(quads) => format!("array<vec4<f32>, {quads}>"),
        }
    }

    /// The bits of a value. Those outside the type are clamped.
    fn bits(self, value: f64) -> u32 {
        match self {
            Self::U32 => value as u32,
            Self::I32 => (value as i32).cast_unsigned(),
            Self::F32 | Self::Table(_) => (value as f32).to_bits(),
        }
    }

    /// How many numbers it has.
    fn len(self) -> usize {
        if let Self::Table(quads) = self { quads * LANES } else { 1 }
    }
}

/// Numbers of a vector of a table.
const LANES: usize = 4;

impl Module {
    /// The module of a source that reads the constants of these names at run time. A name stands there once for each of its
    /// numbers. Names that the source does not declare are left out.
    pub(super) fn new(source: String, names: impl IntoIterator<Item = &'static str>) -> Self {
        let mut counts: Vec<(&'static str, usize)> = Vec::new();
        for name in names {
            match counts.last_mut() {
                Some((last, count)) if *last == name => *count += 1,
                _ => counts.push((name, 1)),
            }
        }
        let mut module = Self { text: source, members: Vec::new() };
        for (name, count) in counts {
            if let Some(number) = module.take_table(name, count).or_else(|| module.take_number(name)) {
                module.members.push((name, number));
            }
        }
        // A table has to begin at a multiple of 16 bytes.
        module.members.sort_by_key(|(_, number)| !matches!(number, NumberType::Table(_)));
        if !module.members.is_empty() {
            module.text = module.with_numbers();
        }
        module
    }

    /// Removes the declaration of a number.
    fn take_number(&mut self, name: &str) -> Option<NumberType> {
        let declaration = format!("override {name}: ");
        let start = self.text.find(&declaration)?;
        let end = self.text[start..].find(';').map(|length| start + length)?;
        let declared = self.text[start + declaration.len()..end].split_whitespace().next();
        let number = declared.and_then(NumberType::of)?;
        // The comment behind the declaration stays.
        self.text.replace_range(start..=end, "");
        Some(number)
    }

    /// Removes the declaration of a table, which is to have `count` numbers.
    fn take_table(&mut self, name: &str, count: usize) -> Option<NumberType> {
        let declaration = format!("const {name} = array<vec4<f32>, 1>();");
        let start = self.text.find(&declaration)?;
        self.text.replace_range(start..start + declaration.len(), "");
        Some(NumberType::Table(count.div_ceil(LANES)))
    }

    /// The text with the uniform in front, and with its members in the place of the names.
    fn with_numbers(&self) -> String {
        let members: HashMap<&str, NumberType> = self.members.iter().copied().collect();
        let mut text = String::from("struct Numbers {\n");
        for (name, number) in &self.members {
            let _ = writeln!(text, "    {name}: {},", number.name());
        }
        let _ = writeln!(text, "}}\n@group(0) @binding({NUMBERS_BINDING}) var<uniform> numbers: Numbers;");
        let mut rest = self.text.as_str();
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let length = rest[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let end = length.map_or(rest.len(), |length| start + length);
            text.push_str(&rest[..start]);
            if members.contains_key(&rest[start..end]) {
                text.push_str("numbers.");
            }
            text.push_str(&rest[start..end]);
            rest = &rest[end..];
        }
        text.push_str(rest);
        text
    }

    /// Whether it reads any number at run time.
    pub fn has_numbers(&self) -> bool {
        !self.members.is_empty()
    }

    /// Names of the numbers.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.members.iter().map(|(name, _)| *name)
    }

    /// The words of the uniform for these values; a number without a value is 0. A table has one value for each number.
    pub fn words(&self, values: &[(&'static str, f64)]) -> Vec<u32> {
        let mut words = Vec::new();
        for (name, number) in &self.members {
            let own = values.iter().filter(|(own, _)| own == name).map(|(_, value)| *value);
            words.extend(own.chain(std::iter::repeat(0.0)).take(number.len()).map(|value| number.bits(value)));
        }
        // A uniform with vectors fills whole ones.
        if self.members.iter().any(|(_, number)| matches!(number, NumberType::Table(_))) {
            words.resize(words.len().next_multiple_of(LANES), 0);
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_become_members_of_a_uniform() {
        let source = "override C: u32; // channels\noverride FIRST: i32 = 0i;\noverride CC: u32;\n\
                      fn at(i: u32) -> u32 { return i / C * CC + C; }\n";
        let module = Module::new(source.into(), ["FIRST", "C", "ABSENT"]);
        let expected = "struct Numbers {\n    FIRST: i32,\n    C: u32,\n}\n\
                        @group(0) @binding(15) var<uniform> numbers: Numbers;\n\
                        \x20// channels\n\noverride CC: u32;\n\
                        fn at(i: u32) -> u32 { return i / numbers.C * CC + numbers.C; }\n";
        assert_eq!(module.text, expected);
        assert!(module.has_numbers());
        assert_eq!(module.words(&[("C", 7.0), ("CC", 8.0), ("FIRST", -1.0)]), [u32::MAX, 7]);
    }

    #[test]
    fn tables_come_first_and_are_as_long_as_their_numbers() {
        let source = "override C: u32;\nconst SCALE = array<vec4<f32>, 1>();\n\
                      fn at(i: u32) -> vec4<f32> { return SCALE[i / C]; }\n";
        let values: Vec<(&'static str, f64)> =
            [("C", 8.0)].into_iter().chain((1..=5).map(|i| ("SCALE", f64::from(i)))).collect();
        let module = Module::new(source.into(), values.iter().map(|(name, _)| *name));
        let expected = "struct Numbers {\n    SCALE: array<vec4<f32>, 2>,\n    C: u32,\n}\n\
                        @group(0) @binding(15) var<uniform> numbers: Numbers;\n\
                        \n\nfn at(i: u32) -> vec4<f32> { return numbers.SCALE[i / numbers.C]; }\n";
        assert_eq!(module.text, expected);
        let mut words: Vec<u32> = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 0.0].map(f32::to_bits).to_vec();
        words.extend([8, 0, 0, 0]);
        assert_eq!(module.words(&values), words);
    }

    #[test]
    fn a_module_without_numbers_stays_as_it_is() {
        let source = "override RELU: bool;\nfn main() {}\n";
        let module = Module::new(source.into(), ["RELU", "C"]);
        assert_eq!(module.text, source);
        assert!(!module.has_numbers() && module.words(&[("C", 1.0)]).is_empty());
    }
}
