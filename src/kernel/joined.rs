//! The text of a module that does the work of several kernels in one dispatch.
//!
//! Each workgroup does what one workgroup of one of the kernels would do, or of several of them, one after the other. So the
//! results have the same bits.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::MINIBATCH_BINDING;
use super::source::{Wgsl, binding_of_part};

/// What is taken over of a kernel that was joined to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(super) source: Vec<Wgsl>,
    /// Values as their bits.
    pub(super) constants: Vec<(&'static str, u64)>,
    pub(super) grid: [u32; 3],
    /// Whether it runs in the workgroups of the member before it, behind that.
    pub(super) follows: bool,
    /// Its bindings that it reaches through another binding of the whole, which a member before it declares.
    pub(super) through: Vec<(u32, u32)>,
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

/// The binding of a tensor that member `number` binds at `binding`. The minibatch, which one of them may have, stays where a
/// step says where it begins.
pub(crate) fn binding_of_member(binding: u32, number: usize) -> u32 {
    if binding == MINIBATCH_BINDING { binding } else { binding_of_part(binding, number as u32) }
}

/// The module of `members`, whose workgroups have `invocations` each. Names of a member get its number. Arrays in workgroup
/// memory that have one name and one type in several members are one, as long as the longest of them.
pub(super) fn text(members: &[Member], invocations: u32) -> String {
    let mut text = String::new();
    let mut shared: Vec<Array> = Vec::new();
    let mut variables = HashMap::new();
    let mut calls = String::new();
    let mut end = 0;
    for (number, member) in members.iter().enumerate() {
        let (own, arrays) = part(member, number, &mut variables);
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
        if member.follows {
            // What the other invocations of the workgroup stored is there, and they need the arrays no longer.
            let _ = writeln!(calls, "        storageBarrier();\n        workgroupBarrier();");
        } else {
            let first = end;
            end += member.workgroups();
            let behind = if first > 0 { "    }\n" } else { "" };
            let _ = writeln!(
                calls,
                "{behind}    if (workgroup.x >= {first}u && workgroup.x < {end}u) {{\n        \
                 let place = workgroup.x - {first}u;"
            );
        }
        let _ = writeln!(calls, "        main_of_{number}({arguments});");
    }
    calls.push_str("    }\n");
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
/// `variables` has the names of what members before it bind, by their bindings, and then its own too.
fn part(member: &Member, number: usize, variables: &mut HashMap<u32, String>) -> (String, Vec<Array>) {
    let mut arrays = Vec::new();
    let mut lines = Vec::new();
    let text: String = member.source.iter().map(Wgsl::text).collect();
    let shared: HashSet<&str> = text.lines().filter_map(array).map(|(name, ..)| name).collect();
    let own = text.lines().filter_map(declared).filter(|name| !shared.contains(name));
    let mut names: HashMap<&str, String> = own.map(|name| (name, format!("{name}_of_{number}"))).collect();
    let mut elsewhere = HashSet::new();
    for (binding, name) in text.lines().filter_map(bound) {
        match member.through.iter().find(|(own, _)| *own == binding).and_then(|(_, other)| variables.get(other)) {
            Some(other) => {
                names.insert(name, other.clone());
                elsewhere.insert(binding);
            }
            None => {
                variables.insert(binding_of_member(binding, number), names[name].clone());
            }
        }
    }
    for line in text.lines().filter(|line| bound(line).is_none_or(|(binding, _)| !elsewhere.contains(&binding))) {
        let renamed = renamed(line, &names);
        if let Some((name, element, len)) = array(&renamed) {
            arrays.push(Array { name: name.into(), element: element.into(), len: len.into() });
        } else {
            lines.push(filled(line, &renamed, member).unwrap_or_else(|| with_binding(renamed, number)));
        }
    }
    (lines.join("\n") + "\n", arrays)
}

/// The binding that a line declares, and the name of the variable there.
fn bound(line: &str) -> Option<(u32, &str)> {
    let (_, rest) = line.split_once("@binding(")?;
    Some((rest.split_once(')')?.0.parse().ok()?, declared(line)?))
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
        // Exactly this float, with all its digits.
        "f32" => format!("f32({:?})", f64::from(value as f32)),
        ty => format!("{ty}({value})"),
    };
    Some(format!("const {name} = {value};{comment}"))
}

/// The line with other words for those that `names` has, but for members of structures.
fn renamed(line: &str, names: &HashMap<&str, String>) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = line.split("//").next().unwrap_or_default();
    let in_structure = line.starts_with("    ") && code.trim_end().ends_with(',');
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let end = rest[start..].find(|c| !is_letter(c)).map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        let is_member = rest[..start].ends_with('.') || in_structure && rest[end..].starts_with(':');
        text.push_str(&rest[..start]);
        text.push_str(names.get(word).filter(|_| !is_member).map_or(word, String::as_str));
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
        "struct Pair {\n    n: u32,\n    sum: f32,\n}\n@group(0) @binding(4) var<storage> pair: Pair;\noverride N: u32; // rows\n\
         override BY: bool;\nvar<workgroup> fours: array<vec4<f32>, 2u * N>;\nfn sum(n: u32) -> u32 {\n    return n * pair.sum;\n}\n\
         @compute @workgroup_size(N)\nfn main(@builtin(workgroup_id) at: vec3<u32>) {\n    var pair: array<u32, N>;\n    fours[at.x] = sum(pair[0]);\n}\n",
    );

    #[test]
    fn kernels_become_one_with_names_bindings_and_constants_of_their_own() {
        let member = |n: u64, grid| Member {
            source: vec![SUM],
            constants: vec![("N", (n as f64).to_bits()), ("BY", 1_f64.to_bits())],
            grid,
            follows: false,
            through: Vec::new(),
        };
        let text = text(&[member(3, [4, 1, 1]), member(5, [2, 1, 3])], 64);
        for line in [
            "struct Pair_of_1 {\n    n: u32,\n    sum: f32,\n}",
            "@group(0) @binding(20) var<storage> pair_of_1: Pair_of_1;",
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

    const DOUBLE: Wgsl = Wgsl::own(
        "double",
        "@group(0) @binding(0) var<storage, read> a: array<f32>;\n@group(0) @binding(6) var<storage, read> step: array<u32>;\n\
         @group(0) @binding(2) var<storage, read_write> c: array<f32>;\nvar<workgroup> kept: array<f32, 64>;\n\
         @compute @workgroup_size(64)\nfn main(@builtin(workgroup_id) at: vec3<u32>) {\n    c[at.x] = 2.0 * a[at.x];\n}\n",
    );

    #[test]
    fn a_kernel_that_follows_reads_what_the_one_before_wrote() {
        let first = Member {
            source: vec![DOUBLE],
            constants: Vec::new(),
            grid: [4, 1, 1],
            follows: false,
            through: Vec::new(),
        };
        let second = Member { follows: true, through: vec![(0, binding_of_member(2, 0))], ..first.clone() };
        let text = text(&[first, second], 64);
        for line in [
            "@group(0) @binding(18) var<storage, read_write> c_of_1: array<f32>;",
            "    c_of_1[at.x] = 2.0 * c_of_0[at.x];",
            "@group(0) @binding(6) var<storage, read> step_of_1: array<u32>;",
            "    if (workgroup.x >= 0u && workgroup.x < 4u) {\n        let place = workgroup.x - 0u;\n        \
             main_of_0(vec3(place % 4u, place / 4u % 1u, place / 4u));\n        storageBarrier();\n        workgroupBarrier();\n        \
             main_of_1(vec3(place % 4u, place / 4u % 1u, place / 4u));\n    }\n}",
            "var<workgroup> kept: array<f32, max(64, 64)>;",
        ] {
            assert!(text.contains(line), "{line}\n\nis not in\n\n{text}");
        }
        assert!(!text.contains("a_of_1"), "{text}");
    }
}
