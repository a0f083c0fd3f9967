// What a loss finds of a row of logits.
override ROWS: u32;

struct RowLoss {
    loss: f32,
    correct: vec2<u32>, // whether the label is the most probable class, and whether it is among the five most probable ones
    wrong: u32, // whether the label is no class
}
