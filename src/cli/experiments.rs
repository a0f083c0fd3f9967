//! The report's experiments.

/// An experiment, and the figures that the report gives for it.
#[derive(Debug)]
pub struct Experiment {
    /// Its name, which benches/peers/keras_experiments.py gives it too.
    pub name: &'static str,
    /// What the experiment does.
    pub description: &'static str,
    /// Directory of its run.
    pub directory: &'static str,
    /// Passes over the training images, with a fresh optimizer.
    pub epochs: usize,
    /// Directory of the run whose weights it starts from; initial weights are drawn if none.
    pub starts_from: Option<&'static str>,
    /// Name and text of its model file; the tutorial's network, or that of the weights, if none.
    pub model: Option<(&'static str, &'static str)>,
    /// Name and text of the model file of layers that it puts on top.
    pub append: Option<(&'static str, &'static str)>,
    /// Whether it is what the report's text describes, rather than what its notebook ran.
    pub as_written: bool,
    /// Loss and accuracy on the test set, as the report has them.
    pub report: [f64; 2],
}

macro_rules! model_file {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/", $name))
    };
}

/// All experiments. The notebook never rebuilt its model, so each attempt started from the weights of the one before.
pub const ALL: [Experiment; 5] = [
    Experiment {
        name: "baseline",
        description: "The tutorial's network, 122,570 parameters, 10 epochs.",
        directory: "baseline",
        epochs: 10,
        starts_from: None,
        model: None,
        append: None,
        as_written: false,
        report: [0.8555, 0.7113],
    },
    Experiment {
        name: "attempt 1",
        description: "15 epochs more, from the weights of the baseline: the report's curve starts high for this reason.",
        directory: "attempt_1",
        epochs: 15,
        starts_from: Some("baseline"),
        model: None,
        append: None,
        as_written: false,
        report: [1.4312, 0.7018],
    },
    Experiment {
        name: "attempt 2",
        description: "Flatten, Dense(128, relu) and Dense(10) on top of the 10 logits of attempt 1, 125,268 parameters, 7 \
                      epochs.",
        directory: "attempt_2",
        epochs: 7,
        starts_from: Some("attempt_1"),
        model: None,
        append: Some(("attempt_2_layers.toml", model_file!("attempt_2_layers.toml"))),
        as_written: false,
        report: [1.9476, 0.6944],
    },
    Experiment {
        name: "attempt 1 as written",
        description: "What the report's text describes: 15 epochs from initial weights.",
        directory: "attempt_1_as_written",
        epochs: 15,
        starts_from: None,
        model: None,
        append: None,
        as_written: true,
        report: [1.4312, 0.7018],
    },
    Experiment {
        name: "attempt 2 as written",
        description: "What the report's text describes: a hidden layer of 128, 188,810 parameters, 7 epochs from initial \
                      weights.",
        directory: "attempt_2_as_written",
        epochs: 7,
        starts_from: None,
        model: Some(("tutorial_128.toml", model_file!("tutorial_128.toml"))),
        append: None,
        as_written: true,
        report: [1.9476, 0.6944],
    },
];
