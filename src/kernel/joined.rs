//! The text of a module that does the work of several kernels in one dispatch.
//!
//! Each workgroup does what one workgroup of one of the kernels would do, so the results have the same bits.

use std::collections::HashSet;
use std::fmt::Write;

use super::source::{Wgsl, binding_of_part};

/// What is taken over of a kernel that was joined to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(super) source: Vec<Wgsl>,
    /// Values as their bits.
    pub(super) constants: Vec<(&'static str, u64)>,
    pub(super) grid: [u32; 3],
}

impl Member {
    fn workgroups(&self) -> u32 {
        self.grid.iter().product()
    }

    /// The values of its constants.
    pub fn constants(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.constants.iter().map(|(name, bits)| (*name, f64::from_bits(*bits)))
    }
}

/// The binding of a tensor that member `number` binds at `binding`.
pub(crate) fn binding_of_member(binding: u32, number: usize) -> u32 {
    binding_of_part(binding, number as u32)
}

/// The module of `members`, whose workgroups have `invocations` each. Names of a member get its number. Arrays in workgroup
/// memory that have one name and one type in several members are one, as long as the longest of them.
pub(super) fn text(members: &[Member], invocations: u32) -> String {
    let mut text = String::new();
    let mut shared: Vec<Array> = Vec::new();
    let mut calls = String::new();
    let mut first = 0;
    for (number, member) in members.iter().enumerate() {
        let (own, arrays) = part(member, number);
        let Some((own, builtins)) = without_entry(&own, number) else { continue };
        text.push_str(&own);
        for array in arrays {
            match shared.iter_mut().find(|other| (&other.name, &other.element) == (&array.name, &array.element)) {
                Some(other) => other.len = format!("max({}, {})", other.len, array.len),
                None => shared.push(array),
            }
        }
        let [x, y, z] = member.grid;
        let arguments = builtins.iter().map(|builtin| match *builtin {
            "workgroup_id" => format!("vec3(place % {x}u, place / {x}u % {y}u, place / {}u)", x * y),
            "num_workgroups" => format!("vec3({x}u, {y}u, {z}u)"),
            other => other.to_owned(),
        });
        let arguments = Vec::from_iter(arguments).join(", ");
        let end = first + member.workgroups();
        let _ = writeln!(
            calls,
            "    if (workgroup.x >= {first}u && workgroup.x < {end}u) {{\n        \
             let place = workgroup.x - {first}u;\n        main_of_{number}({arguments});\n    }}"
        );
        first = end;
    }
    for Array { name, element, len } in shared {
        let _ = writeln!(text, "var<workgroup> {name}: array<{element}, {len}>;");
    }
    let _ = write!(
        text,
        "@compute @workgroup_size({invocations})\nfn main(\n    @builtin(workgroup_id) workgroup: vec3<u32>,\n    \
         @builtin(local_invocation_index) local_invocation_index: u32,\n) {{\n{calls}}}\n"
    );
    text
}

/// An array in workgroup memory.
struct Array {
    name: String,
    element: String,
    len: String,
}

/// The text of a member, with its names and bindings changed and its constants filled in, and the arrays that it shares.
fn part(member: &Member, number: usize) -> (String, Vec<Array>) {
    let mut arrays = Vec::new();
    let mut lines = Vec::new();
    let text: String = member.source.iter().map(Wgsl::text).collect();
    let names: HashSet<&str> = text.lines().filter_map(declared).collect();
    let shared: HashSet<&str> = text.lines().filter_map(array).map(|(name, ..)| name).collect();
    for line in text.lines() {
        let renamed = renamed(line, number, |word| names.contains(word) && !shared.contains(word));
        if let Some((name, element, len)) = array(&renamed) {
            arrays.push(Array { name: name.into(), element: element.into(), len: len.into() });
        } else {
            lines.push(filled(line, &renamed, member).unwrap_or_else(|| with_binding(renamed, number)));
        }
    }
    (lines.join("\n") + "\n", arrays)
}

/// The name that a line declares for the whole module.
fn declared(line: &str) -> Option<&str> {
    let kinds = ["fn ", "const ", "override ", "struct ", "alias "];
    let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind));
    let variable = || line.find("var<").and_then(|start| Some(line[start..].split_once("> ")?.1));
    let rest = rest.or_else(|| if line.starts_with("    ") { None } else { variable() })?;
    Some(&rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())])
}

/// Name, element and length of the array in workgroup memory that a line declares.
fn array(line: &str) -> Option<(&str, &str, &str)> {
    let (name, array) = line.strip_prefix("var<workgroup> ")?.split_once(": array<")?;
    let (element, len) = array.split(">;").next()?.split_once(", ")?;
    Some((name, element, len))
}

/// The declaration of a constant with its value.
fn filled(line: &str, renamed: &str, member: &Member) -> Option<String> {
    let name = declared(line).filter(|_| line.starts_with("override "))?;
    let value = member.constants().find(|(own, _)| *own == name)?.1;
    let (declaration, comment) = renamed.split_once(';')?;
    let (name, ty) = declaration.strip_prefix("override ")?.split_once(": ")?;
    let value = match ty.split([' ', '=']).next()? {
        "bool" => (value != 0.0).to_string(),
        "f32" => format!("bitcast<f32>({}u)", (value as f32).to_bits()),
        ty => format!("{ty}({value})"),
    };
    Some(format!("const {name} = {value};{comment}"))
}

/// The line with the number of the member behind each word that `is_own`, but for members of structures.
fn renamed(line: &str, number: usize, is_own: impl Fn(&str) -> bool) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = line.split("//").next().unwrap_or_default();
    let in_structure = line.starts_with("    ") && code.trim_end().ends_with(',');
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let end = rest[start..].find(|c| !is_letter(c)).map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        let is_member = rest[..start].ends_with('.') || in_structure && rest[end..].starts_with(':');
        text.push_str(&rest[..end]);
        if is_own(word) && !is_member {
            let _ = write!(text, "_of_{number}");
        }
        rest = &rest[end..];
    }
    text + rest
}

/// The line with the binding of the member.
fn with_binding(line: String, number: usize) -> String {
    let Some((before, (binding, after))) =
        line.split_once("@binding(").and_then(|(before, rest)| Some((before, rest.split_once(')')?)))
    else {
        return line;
    };
    let Ok(binding) = binding.parse() else { return line };
    format!("{before}@binding({}){after}", binding_of_member(binding, number))
}

/// The text whose entry point has become a function, and the built-in values that it takes.
fn without_entry(text: &str, number: usize) -> Option<(String, Vec<&str>)> {
    let (before, rest) = text.split_once("@compute ")?;
    let (_, rest) = rest.split_once(&format!("fn main_of_{number}("))?;
    let (parameters, body) = rest.split_once(") {")?;
    let mut builtins = Vec::new();
    let mut kept = String::new();
    for parameter in parameters.split("@builtin(") {
        match parameter.split_once(") ") {
            Some((builtin, parameter)) => {
                builtins.push(builtin);
                kept.push_str(parameter);
            }
            None => kept.push_str(parameter),
        }
    }
    Some((format!("{before}fn main_of_{number}({kept}) {{{body}"), builtins))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: Wgsl = Wgsl::own(
        "sum",
        "struct Pair {\n    n: u32,\n    sum: f32,\n}\n@group(0) @binding(6) var<storage> pair: Pair;\noverride N: u32; // rows\n\
         override BY: bool;\nvar<workgroup> fours: array<vec4<f32>, 2u * N>;\nfn sum(n: u32) -> u32 {\n    return n * pair.sum;\n}\n\
         @compute @workgroup_size(N)\nfn main(@builtin(workgroup_id) at: vec3<u32>) {\n    var pair: array<u32, N>;\n    fours[at.x] = sum(pair[0]);\n}\n",
    );

    #[test]
    fn kernels_become_one_with_names_bindings_and_constants_of_their_own() {
        let member = |n: u64, grid| Member {
            source: vec![SUM],
            constants: vec![("N", (n as f64).to_bits()), ("BY", 1_f64.to_bits())],
            grid,
        };
        let text = text(&[member(3, [4, 1, 1]), member(5, [2, 1, 3])], 64);
        for line in [
            "struct Pair_of_1 {\n    n: u32,\n    sum: f32,\n}",
            "@group(0) @binding(22) var<storage> pair_of_1: Pair_of_1;",
            "const N_of_1 = u32(5); // rows",
            "const BY_of_0 = true;",
            "var<workgroup> fours: array<vec4<f32>, max(2u * N_of_0, 2u * N_of_1)>;",
            "    return n * pair_of_0.sum;",
            "fn main_of_0(at: vec3<u32>) {\n    var pair_of_0: array<u32, N_of_0>;\n    fours[at.x] = sum_of_0(pair_of_0[0]);\n}",
            "    if (workgroup.x >= 4u && workgroup.x < 10u) {\n        let place = workgroup.x - 4u;\n        \
             main_of_1(vec3(place % 2u, place / 2u % 1u, place / 2u));",
        ] {
            assert!(text.contains(line), "{line}\n\nis not in\n\n{text}");
        }
        assert_eq!(text.matches("@compute").count(), 1);
    }
}
