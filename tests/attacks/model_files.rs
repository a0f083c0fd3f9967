//! Networks as text, and the cache of tuning, made to harm whoever reads them.

use wgrad::model::Sequential;

/// A network of a dense layer.
pub fn dense(units: &str) -> String {
    format!("input = [4, 4, 1]\n[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = {units}\n")
}

/// A network of `count` like layers.
pub fn layers(layer: &str, count: usize) -> String {
    format!("input=[4,4,1]\n{}", format!("[[layers]]\n{layer}\n").repeat(count))
}

/// Sums of two of the sum before: the tree that they stand for has 2^`count` leaves.
fn doubled(count: usize) -> String {
    let sum = |i: usize| {
        let before = if i == 0 { "input".into() } else { format!("add_{i}") };
        format!("[[layers]]\nname=\"add_{}\"\ntype=\"add\"\ninputs=[\"{before}\",\"{before}\"]\n", i + 1)
    };
    let sums: String = (0..count).map(sum).collect();
    format!("input=[4,4,1]\n{sums}[[layers]]\ntype=\"flatten\"\n")
}

pub fn model_files() -> Vec<(&'static str, String)> {
    let convolution = |options: &str| {
        format!("input = [8, 8, 3]\n[[layers]]\ntype = \"conv2d\"\n{options}\n[[layers]]\ntype = \"flatten\"\n")
    };
    let pooling = |options: &str| {
        format!("input = [8, 8, 3]\n[[layers]]\ntype = \"max_pooling2d\"\n{options}\n[[layers]]\ntype = \"flatten\"\n")
    };
    let named = |name: &str| format!("input=[4,4,1]\n[[layers]]\nname={name}\ntype=\"flatten\"\n");
    let wide = "type=\"conv2d\"\nfilters=8388608\nkernel_size=1\npadding=\"same\"";
    let input = |sizes: &str| format!("input = {sizes}\n[[layers]]\ntype = \"flatten\"\n");
    vec![
        (
            "valid.toml",
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/all_layers.toml"))
                .replacen("[[layers]]", "input = [32, 32, 3]\n[[layers]]", 1)
                .replace("\"classes\"", "10"),
        ),
        ("empty.toml", String::new()),
        ("type_of_two_lines.toml", "layers = [{ type = \"flatt\\nen\" }]".into()),
        ("units_of_terabytes.toml", dense("1099511627776")),
        ("units_of_gigabytes.toml", dense("536870912")),
        ("units_of_exabytes.toml", dense("9223372036854775807")),
        ("units_that_overflow.toml", dense("9223372036854775808")),
        ("units_that_are_negative.toml", dense("-1")),
        ("units_that_are_a_fraction.toml", dense("1e3")),
        ("units_of_nothing.toml", dense("0")),
        ("filters_of_exabytes.toml", convolution("filters = 9223372036854775807\nkernel_size = 1")),
        ("kernel_of_exabytes.toml", convolution("filters = 1\nkernel_size = 9223372036854775807\npadding = \"same\"")),
        ("kernel_larger_than_the_image.toml", convolution("filters = 1\nkernel_size = 9")),
        ("kernel_that_never_ends.toml", convolution("filters = 1\nkernel_size = [13000, 13000]\npadding = \"same\"")),
        (
            "harmless_strides_of_exabytes.toml",
            convolution("filters = 1\nkernel_size = 1\nstrides = 9223372036854775807"),
        ),
        ("strides_of_nothing.toml", convolution("filters = 1\nkernel_size = 1\nstrides = 0")),
        ("window_of_exabytes.toml", pooling("pool_size = 9223372036854775807")),
        ("window_of_nothing.toml", pooling("pool_size = 0")),
        ("harmless_window_strides_of_exabytes.toml", pooling("pool_size = 1\nstrides = 9223372036854775807")),
        ("images_of_exabytes.toml", input("[4611686018427387904, 4, 4]")),
        ("images_of_gigabytes.toml", input("[32768, 32768, 1]")),
        ("images_of_nothing.toml", input("[0, 4, 4]")),
        ("images_of_300_axes.toml", input(&format!("[{}1]", "1,".repeat(300)))),
        ("layers_of_2001.toml", layers("type=\"flatten\"", 2001)),
        ("layers_without_a_kind.toml", layers("", 2000)),
        ("layers_that_are_wide.toml", layers(wide, 20)),
        ("layers_of_one_name.toml", layers("name=\"a\"\ntype=\"flatten\"", 100)),
        ("rate_that_is_no_number.toml", layers("type=\"dropout\"\nrate=nan", 1)),
        ("rate_of_infinity.toml", layers("type=\"dropout\"\nrate=inf", 1)),
        ("name_of_9000_letters.toml", named(&format!("\"{}\"", "a".repeat(9_000)))),
        ("name_that_is_a_path.toml", named("\"../../escape\"")),
        ("name_that_commands_the_terminal.toml", named("\"\\u001b[2J\"")),
        ("arrays_nested_deeply.toml", format!("a={}", "[".repeat(9_000))),
        ("tables_nested_deeply.toml", format!("a={}", "{a=".repeat(5_000))),
        ("keys_nested_deeply.toml", format!("{}a=1", "a.".repeat(5_000))),
        ("headers_nested_deeply.toml", format!("[{}a]\n", "a.".repeat(5_000))),
        ("options_nested_deeply.toml", layers(&format!("{}a=1", "a.".repeat(5_000)), 1)),
        ("inputs_without_end.toml", layers(&format!("type=\"add\"\ninputs=[{}]", "\"input\",".repeat(1_200)), 1)),
        ("harmless_inputs_of_inputs.toml", doubled(60)),
        ("inputs_that_come_later.toml", layers("type=\"flatten\"\ninputs=[\"flatten_1\"]", 2)),
        ("inputs_of_itself.toml", layers("name=\"a\"\ntype=\"flatten\"\ninputs=[\"a\"]", 1)),
        ("another_format.toml", "{\"input\": [4, 4, 1]}".into()),
    ]
}

pub fn tuning_caches() -> Vec<(&'static str, String)> {
    let product = "conv2d forward";
    let choice =
        |kernel: &str, parts: &str| format!(r#"{{"gpu":{{"{product}":{{"kernel":"{kernel}","parts":{parts}}}}}}}"#);
    // Every product of the network, in more parts than there are numbers.
    let graph = || {
        use wgrad::graph::{Mode, Target};
        use wgrad::kernel::MicroKernel;
        let target = Target::new(MicroKernel::Direct, 8);
        let mut graph = Sequential::tutorial([32, 32, 3], 10).build(32, target).unwrap().graph;
        let mut dispatches = graph.record_forward(Mode::Train);
        dispatches.extend(graph.record_backward(&[], &[]).unwrap().0);
        dispatches
    };
    let products = |parts: u64| {
        let keys = graph().into_iter().filter_map(|dispatch| dispatch.product().map(|product| product.key.clone()));
        let choices: Vec<_> = keys.map(|key| format!("{key:?}:{{\"kernel\":\"tile\",\"parts\":{parts}}}")).collect();
        format!("{{\"gpu\":{{{}}}}}", choices.join(","))
    };
    let keys: Vec<_> = (0..1000).map(|i| format!(r#""{i}":{{}}"#)).collect();
    vec![
        ("valid.json", products(4)),
        ("empty.json", String::new()),
        ("kernel_of_two_lines.json", choice("til\\ne", "1")),
        ("harmless_parts_of_exabytes.json", products(u64::MAX)),
        ("harmless_parts_of_nothing.json", products(0)),
        ("parts_that_overflow.json", choice("tile", "18446744073709551616")),
        ("parts_that_are_negative.json", choice("tile", "-1")),
        ("parts_that_are_a_fraction.json", choice("tile", "1.5")),
        ("harmless_product_that_is_unknown.json", choice("tile", "1")),
        ("kernel_that_is_unknown.json", choice("../../escape", "1")),
        ("harmless_keys_of_1000.json", format!("{{{}}}", keys.join(","))),
        ("harmless_keys_twice.json", r#"{"gpu":{},"gpu":{}}"#.into()),
        ("list.json", "[]".into()),
        ("arrays_nested_deeply.json", "[".repeat(9_000)),
        ("objects_nested_deeply.json", "{\"gpu\":".repeat(2000)),
        ("control_characters.json", "{\"\u{1b}[2J\": 0}".into()),
        ("cut_in_a_key.json", choice("tile", "1")[..12].into()),
        ("cut_in_a_number.json", choice("tile", "1").trim_end_matches('}').into()),
    ]
}
