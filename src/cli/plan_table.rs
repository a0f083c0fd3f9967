//! The table of a schedule.

use std::collections::HashSet;

use wgrad::graph::{Access, Binding, Dispatch, Graph, Plan};
use wgrad::report::units;

/// Lists every dispatch of a plan with its kernel, grid, arithmetic, bytes of the tensors it binds, and bindings. The last
/// line has the memory.
pub fn plan_table(title: &str, graph: &Graph, plan: &Plan) -> String {
    let flops = plan.dispatches().iter().map(|dispatch| dispatch.kernel().flops).sum();
    let bytes = plan.dispatches().iter().map(|dispatch| dispatch.bytes(graph)).sum();
    let mut lines = vec![
        format!(
            "{title}: {} dispatches of {} pipelines, {}, {} touched",
            plan.dispatches().len(),
            pipelines(plan),
            units::flops(flops),
            units::bytes(bytes)
        ),
        format!(
            "{:>3}  {:<28} {:<34} {:<13} {:>13} {:>10}  bindings",
            "#", "dispatch", "kernel", "grid", "arithmetic", "touched"
        ),
    ];
    for (i, dispatch) in plan.dispatches().iter().enumerate() {
        let [x, y, z] = dispatch.kernel().grid;
        let bindings: Vec<_> = dispatch.bindings().iter().map(|b| binding(graph, plan, b)).collect();
        lines.push(format!(
            "{i:>3}  {:<28} {:<34} {:<13} {:>13} {:>10}  {}",
            dispatch.name(),
            dispatch.kernel().name,
            format!("{x} x {y} x {z}"),
            units::flops(dispatch.kernel().flops),
            units::bytes(dispatch.bytes(graph)),
            bindings.join(", ")
        ));
    }
    let sizes: Vec<_> = plan.slot_bytes().iter().map(|bytes| units::bytes(*bytes)).collect();
    let total = units::bytes(plan.slot_bytes().iter().sum());
    lines.push(format!("Slots: {}, {total} ({})", sizes.len(), sizes.join(", ")));
    lines.join("\n")
}

/// How many pipelines the dispatches of a plan share.
pub fn pipelines(plan: &Plan) -> usize {
    plan.dispatches().iter().map(Dispatch::recipe).collect::<HashSet<_>>().len()
}

fn binding(graph: &Graph, plan: &Plan, binding: &Binding) -> String {
    let access = match binding.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::ReadWrite => "update",
    };
    let slot = plan.slots().get(&graph.root(binding.tensor)).map_or(String::new(), |slot| format!(" (slot {slot})"));
    format!("{access} `{}`{slot}", graph.tensor(binding.tensor).name)
}
