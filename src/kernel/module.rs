//! The text of a kernel's module, in which some constants have become numbers that are read at run time.

use std::collections::HashMap;
use std::fmt::Write;

/// Binding of the numbers in group 0.
pub const NUMBERS_BINDING: u32 = 15;

/// The text of a module, and the numbers that it reads at run time.
///
/// The WGSL declares every size as a constant, `override NAME: u32;`. A compiler makes the fastest code of constants, but
/// has to make it again for each value. So a dispatch says which of them its pipeline reads from a uniform instead, and
/// then `NAME` is replaced by `numbers.NAME`.
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

    fn name(self) -> &'static str {
        match self {
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::F32 => "f32",
        }
    }

    /// The bits of a value. Those outside the type are clamped.
    fn bits(self, value: f64) -> u32 {
        match self {
            Self::U32 => value as u32,
            Self::I32 => (value as i32).cast_unsigned(),
            Self::F32 => (value as f32).to_bits(),
        }
    }
}

impl Module {
    /// The module of a source that reads the constants of these names at run time. Names that it does not declare as
    /// numbers are left out.
    pub(super) fn new(source: String, names: impl IntoIterator<Item = &'static str>) -> Self {
        let mut module = Self { text: source, members: Vec::new() };
        for name in names {
            let declaration = format!("override {name}: ");
            let Some(start) = module.text.find(&declaration) else { continue };
            let Some(end) = module.text[start..].find(';').map(|length| start + length) else { continue };
            let declared = module.text[start + declaration.len()..end].split_whitespace().next();
            let Some(number) = declared.and_then(NumberType::of) else { continue };
            // The comment behind the declaration stays.
            module.text.replace_range(start..=end, "");
            module.members.push((name, number));
        }
        if !module.members.is_empty() {
            module.text = module.with_numbers();
        }
        module
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

    /// The words of the uniform for these values; a number without a value is 0.
    pub fn words(&self, values: &[(&'static str, f64)]) -> Vec<u32> {
        let value = |name: &str| values.iter().find(|(own, _)| *own == name).map_or(0.0, |(_, value)| *value);
        self.members.iter().map(|(name, number)| number.bits(value(name))).collect()
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
    fn a_module_without_numbers_stays_as_it_is() {
        let source = "override RELU: bool;\nfn main() {}\n";
        let module = Module::new(source.into(), ["RELU", "C"]);
        assert_eq!(module.text, source);
        assert!(!module.has_numbers() && module.words(&[("C", 1.0)]).is_empty());
    }
}
