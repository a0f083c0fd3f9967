// What a loss finds of a row of logits.
override ROWS: u32;

struct RowLoss {
    loss: f32,
    correct: vec2<u32>, // whether the label is the most probable class, and whether it is among the five most probable ones
    wrong: u32, // whether the label is no class
}

// Its four numbers, as they are added up and kept. Floats count up to 2^24 exactly.
fn as_floats(of_row: RowLoss) -> vec4<f32> {
    return vec4(of_row.loss, vec2<f32>(of_row.correct), f32(of_row.wrong));
}
