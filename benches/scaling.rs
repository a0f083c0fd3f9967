//! Measures images per second and memory of the tutorial network by batch size and by size of the data set, and writes a
//! table, JSON and plots: `cargo bench --bench scaling -- [--rounds N] [--plots DIR]`.

mod tutorial;

use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Parser;
use plotters::coord::{Shift, types::RangedCoordf64};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde_json::{Value, json};
use wgrad::data::{Batch, Dataset, shapes};
use wgrad::exec::{Executor, Options};
use wgrad::train::{History, Trainer, Validation};

const BATCH_SIZES: [usize; 5] = [32, 64, 128, 256, 512];
const DATASET_SIZES: [usize; 2] = [2_000, 8_000];

/// Seconds that a measurement takes, and seconds of the work in one submission.
const SECONDS: f64 = 1.5;
const SUBMISSION_SECONDS: f64 = 0.1;

const MB: f64 = (1 << 20) as f64;
const BLUE: RGBColor = RGBColor(31, 95, 168);
const ORANGE: RGBColor = RGBColor(192, 86, 12);
const GREY: RGBColor = RGBColor(90, 90, 90);
const PALE: RGBColor = RGBColor(222, 222, 222);

#[derive(Parser)]
struct Arguments {
    /// How often everything is measured, in turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Directory for the plots
    #[arg(long, default_value = "docs/plots")]
    plots: PathBuf,
    /// An option that cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { rounds, plots, .. } = Arguments::parse();
    let gpu = tutorial::open()?;
    let (mut batches, mut datasets) = (Vec::new(), Vec::new());
    for batch_size in BATCH_SIZES {
        let (executor, batch) = tutorial::first_step(&gpu, "tutorial", Options { batch_size, ..Options::default() })?;
        batches.push(BatchCost::new(executor, batch)?);
    }
    for images in DATASET_SIZES {
        let (executor, _) =
            tutorial::first_step(&gpu, "tutorial", Options { batch_size: BATCH_SIZES[0], ..Options::default() })?;
        let steps_per_submit = batches[0].steps[0].steps_per_submit;
        datasets.push(DatasetCost { executor, dataset: shapes::generate(images, 0), steps_per_submit, rates: vec![] });
    }
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        batches.iter_mut().try_for_each(BatchCost::measure)?;
        datasets.iter_mut().try_for_each(DatasetCost::measure)?;
    }

    let adapter = format!("{}, {}", gpu.info().name, gpu.info().driver_info);
    println!("{adapter}\n");
    print_tables(&batches, &datasets);
    tutorial::write_json(None, "scaling.json", &gpu, results(&batches, &datasets))?;
    std::fs::create_dir_all(&plots)?;
    let caption = format!("{adapter}; median and range of {rounds} rounds");
    plot_throughput(&plots.join("batch_throughput.svg"), &caption, &batches)?;
    plot_memory(&plots.join("batch_memory.svg"), &adapter, &batches)?;
    plot_datasets(&plots.join("dataset_size.svg"), &caption, &datasets)?;
    println!("{}", plots.display());
    Ok(())
}

/// Steps of training or of evaluation, and the images per second of each round.
struct Steps {
    train: bool,
    count: usize,
    steps_per_submit: usize,
    rates: Vec<f64>,
}

impl Steps {
    /// Measures as many steps as fit into the time of a measurement.
    fn new(executor: &mut Executor, batch: &Batch, train: bool) -> Result<Self, wgrad::Error> {
        let mut steps = Self { train, count: 2, steps_per_submit: 1, rates: Vec::new() };
        let seconds = steps.run(executor, batch)?.min(steps.run(executor, batch)?) / 2.0;
        steps.count = (SECONDS / seconds).ceil() as usize;
        executor.set_steps_per_submit((SUBMISSION_SECONDS / seconds) as usize);
        steps.steps_per_submit = executor.steps_per_submit();
        Ok(steps)
    }

    /// Seconds from the first step until the metrics of the last one have arrived.
    fn run(&self, executor: &mut Executor, batch: &Batch) -> Result<f64, wgrad::Error> {
        let gpu = executor.gpu().clone();
        executor.set_steps_per_submit(self.steps_per_submit);
        let start = Instant::now();
        for _ in 0..self.count {
            if self.train {
                gpu.block_on(executor.train_step(batch))?;
            } else {
                gpu.block_on(executor.eval_step(batch))?;
            }
            executor.arrived_metrics()?;
        }
        gpu.block_on(executor.metrics())?;
        Ok(start.elapsed().as_secs_f64())
    }
}

struct BatchCost {
    executor: Executor,
    batch: Batch,
    /// The steps of training and of evaluation.
    steps: [Steps; 2],
}

impl BatchCost {
    fn new(mut executor: Executor, batch: Batch) -> Result<Self, wgrad::Error> {
        let steps = [Steps::new(&mut executor, &batch, true)?, Steps::new(&mut executor, &batch, false)?];
        Ok(Self { executor, batch, steps })
    }

    fn measure(&mut self) -> Result<(), wgrad::Error> {
        for steps in &mut self.steps {
            let seconds = steps.run(&mut self.executor, &self.batch)?;
            steps.rates.push((steps.count * self.batch.len) as f64 / seconds);
        }
        Ok(())
    }

    fn size(&self) -> f64 {
        self.batch.len as f64
    }

    fn bytes(&self) -> f64 {
        self.executor.device_bytes() as f64
    }
}

/// Epochs that run through the loader and the trainer.
struct DatasetCost {
    executor: Executor,
    dataset: Dataset,
    steps_per_submit: usize,
    rates: Vec<f64>,
}

impl DatasetCost {
    fn measure(&mut self) -> Result<(), wgrad::Error> {
        let mut history = History::new(&self.dataset.name, Validation::TestImages);
        Trainer::new(&mut self.executor, &self.dataset, 0, &AtomicBool::new(false))
            .steps_per_submit(Some(self.steps_per_submit))
            .observe(&mut history)
            .fit(1)?;
        self.rates.extend(history.epochs.iter().map(|epoch| epoch.images_per_second));
        Ok(())
    }
}

/// The median, the least and the largest rate.
fn spread(rates: &[f64]) -> [f64; 3] {
    let mut rates = rates.to_vec();
    rates.sort_by(f64::total_cmp);
    let last = rates.len() - 1;
    [(rates[last / 2] + rates[rates.len() / 2]) / 2.0, rates[0], rates[last]]
}

/// The line through the memory of the smallest and the largest batch: bytes per image, and bytes without images.
fn memory_line(batches: &[BatchCost]) -> [f64; 2] {
    let (first, last) = (&batches[0], &batches[batches.len() - 1]);
    let slope = (last.bytes() - first.bytes()) / (last.size() - first.size());
    [slope, first.bytes() - slope * first.size()]
}

/// Largest distance of any batch size from that line, in percent.
fn memory_deviation(batches: &[BatchCost]) -> f64 {
    let [slope, constant] = memory_line(batches);
    let deviation = |cost: &BatchCost| (cost.bytes() / (slope * cost.size() + constant) - 1.0).abs() * 100.0;
    batches.iter().map(deviation).fold(0.0, f64::max)
}

fn print_tables(batches: &[BatchCost], datasets: &[DatasetCost]) {
    let cells = |rates: &[f64]| spread(rates).map(|rate| format!("{rate:6.0}")).join(" ");
    println!("        training images/s     evaluation images/s");
    println!("batch  median    min    max   median    min    max   device MB");
    for cost in batches {
        let [train, evaluate] = [0, 1].map(|kind| cells(&cost.steps[kind].rates));
        println!("{:5}  {train}   {evaluate}   {:9.2}", cost.batch.len, cost.bytes() / MB);
    }
    let [slope, constant] = memory_line(batches).map(|bytes| bytes / MB);
    println!("memory: {constant:.2} MB + {slope:.4} MB an image, at most {:.2} % off\n", memory_deviation(batches));
    println!("data set  training images/s");
    println!("  images  median    min    max   device MB");
    for DatasetCost { executor, dataset, rates, .. } in datasets {
        println!("{:8}  {}   {:9.2}", dataset.train.len(), cells(rates), executor.device_bytes() as f64 / MB);
    }
}

fn results(batches: &[BatchCost], datasets: &[DatasetCost]) -> Value {
    let rates = |rates: &[f64], steps_per_submit| {
        let [median, min, max] = spread(rates);
        json!({ "steps_per_submit": steps_per_submit, "median": median, "min": min, "max": max, "rounds": rates })
    };
    let by_batch = batches.iter().map(|BatchCost { executor, batch, steps }| {
        let [train, evaluate] = [0, 1].map(|kind| rates(&steps[kind].rates, steps[kind].steps_per_submit));
        let bytes = executor.device_bytes();
        json!({ "batch_size": batch.len, "device_bytes": bytes, "train_rate": train, "evaluate_rate": evaluate })
    });
    let by_dataset = datasets.iter().map(|cost| {
        let (images, bytes) = (cost.dataset.train.len(), cost.executor.device_bytes());
        json!({ "images": images, "device_bytes": bytes, "train_rate": rates(&cost.rates, cost.steps_per_submit) })
    });
    let [slope, constant] = memory_line(batches);
    let line = json!({ "bytes": constant, "bytes_an_image": slope, "deviation_percent": memory_deviation(batches) });
    json!({
        "batches": by_batch.collect::<Value>(),
        "datasets": by_dataset.collect::<Value>(),
        "memory_line": line,
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), Box<dyn Error>>;

struct Axis<'a> {
    name: &'a str,
    range: Range<f64>,
    ticks: usize,
    format: fn(&f64) -> String,
}

/// The axis of the batch size in log2, with room for names on its right.
const BATCH_AXIS: Axis<'static> = Axis { name: "batch size", range: 4.7..9.95, ticks: 6, format: power_of_two };

fn power_of_two(exponent: &f64) -> String {
    format!("{:.0}", exponent.exp2())
}

fn text(size: u32, colour: RGBColor, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(h_pos, v_pos))
}

/// Draws a white sheet with a title and a caption, and returns the rest of it.
fn sheet<'a>(path: &'a Path, title: &str, caption: &str) -> Result<Area<'a>, Box<dyn Error>> {
    let root = SVGBackend::new(path, (760, 460)).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(title, (20, 16), text(24, BLACK, HPos::Left, VPos::Top)))?;
    root.draw(&Text::new(caption, (20, 44), text(16, GREY, HPos::Left, VPos::Top)))?;
    Ok(root.margin(76, 12, 12, 20))
}

fn axes<'a>(area: &Area<'a>, x: Axis, y: Axis) -> Result<Chart<'a>, Box<dyn Error>> {
    let mut builder = ChartBuilder::on(area);
    let mut chart =
        builder.margin_right(16).x_label_area_size(52).y_label_area_size(72).build_cartesian_2d(x.range, y.range)?;
    (chart.configure_mesh().disable_x_mesh().light_line_style(TRANSPARENT).bold_line_style(PALE).axis_style(GREY))
        .x_labels(x.ticks)
        .y_labels(y.ticks)
        .x_label_formatter(&x.format)
        .y_label_formatter(&y.format)
        .x_desc(x.name)
        .y_desc(y.name)
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 17))
        .draw()?;
    Ok(chart)
}

fn plot_throughput(path: &Path, caption: &str, batches: &[BatchCost]) -> Drawn {
    let area = sheet(path, "Throughput by batch size", caption)?;
    let most = batches.iter().flat_map(|cost| &cost.steps).flat_map(|steps| &steps.rates).fold(0.0, |a, &b| b.max(a));
    let y = Axis { name: "images/s", range: 0.0..1.1 * most, ticks: 8, format: |rate| format!("{rate:.0}") };
    let mut chart = axes(&area, BATCH_AXIS, y)?;
    for (kind, name, colour) in [(0, "training", BLUE), (1, "evaluation", ORANGE)] {
        let point = |cost: &BatchCost| (cost.size().log2(), spread(&cost.steps[kind].rates));
        let medians: Vec<(f64, f64)> = batches.iter().map(point).map(|(x, [median, ..])| (x, median)).collect();
        let ranges = batches.iter().map(point).map(|(x, [_, min, max])| [(x, min), (x, max)]);
        chart.draw_series(ranges.map(|range| PathElement::new(range, colour.mix(0.45).stroke_width(5))))?;
        chart.draw_series(LineSeries::new(medians.clone(), colour.stroke_width(2)))?;
        chart.draw_series(medians.iter().map(|&point| Circle::new(point, 4, colour.filled())))?;
        let style = text(17, colour, HPos::Left, VPos::Center);
        chart.draw_series(medians.last().map(|&(x, y)| Text::new(name, (x + 0.15, y), style)))?;
    }
    Ok(area.present()?)
}

fn plot_memory(path: &Path, caption: &str, batches: &[BatchCost]) -> Drawn {
    let area = sheet(path, "Device memory by batch size", caption)?;
    let [slope, constant] = memory_line(batches).map(|bytes| bytes / MB);
    let points: Vec<(f64, f64)> = batches.iter().map(|cost| (cost.size().log2(), cost.bytes() / MB)).collect();
    let range = points[0].1.log2().floor()..points[points.len() - 1].1.log2().ceil();
    let ticks = (range.end - range.start) as usize + 1;
    let y = Axis { name: "device memory (MB)", range, ticks, format: power_of_two };
    let mut chart = axes(&area, BATCH_AXIS, y)?;
    let line = points.iter().map(|&(x, _)| (x, (slope * x.exp2() + constant).log2()));
    chart.draw_series(LineSeries::new(line, ORANGE.stroke_width(2)))?;
    let style = text(16, BLUE, HPos::Right, VPos::Bottom);
    chart.draw_series(points.iter().map(|&(x, y)| Circle::new((x, y.log2()), 4, BLUE.filled())))?;
    let label = |&(x, y): &(f64, f64)| Text::new(format!("{y:.1}"), (x - 0.08, y.log2() + 0.04), style.clone());
    chart.draw_series(points.iter().map(label))?;
    let deviation = memory_deviation(batches);
    let formula =
        format!("line from first to last: {constant:.2} MB + {slope:.4} MB an image; {deviation:.2} % off at most");
    area.draw(&Text::new(formula, (96, 12), text(17, ORANGE, HPos::Left, VPos::Top)))?;
    Ok(area.present()?)
}

fn plot_datasets(path: &Path, caption: &str, datasets: &[DatasetCost]) -> Drawn {
    let title = format!("Epochs over data sets of two sizes, batch size {}", BATCH_SIZES[0]);
    let area = sheet(path, &title, caption)?;
    let panels = area.split_evenly((1, 2));
    let rates = datasets.iter().map(|cost| spread(&cost.rates)).collect();
    let bytes = datasets.iter().map(|cost| [cost.executor.device_bytes() as f64 / MB; 3]).collect();
    plot_bars(&panels[0], "training images/s", rates, 0, BLUE)?;
    plot_bars(&panels[1], "device memory (MB)", bytes, 2, ORANGE)?;
    Ok(area.present()?)
}

/// Draws a bar for each data set, as high as the median, and a line from the least to the largest value.
fn plot_bars(area: &Area, name: &str, bars: Vec<[f64; 3]>, digits: usize, colour: RGBColor) -> Drawn {
    let most = bars.iter().fold(0.0_f64, |most, &[.., max]| most.max(max));
    let sizes = |place: &f64| DATASET_SIZES[*place as usize].to_string();
    let x = Axis { name: "training images", range: -0.6..1.6, ticks: 3, format: sizes };
    let y = Axis { name, range: 0.0..1.1 * most, ticks: 8, format: |value| format!("{value:.0}") };
    let mut chart = axes(area, x, y)?;
    for (x, [median, min, max]) in (0..).map(f64::from).zip(bars) {
        let bar = Rectangle::new([(x - 0.35, 0.0), (x + 0.35, median)], colour.filled());
        let style = text(18, WHITE, HPos::Center, VPos::Center);
        let label = Text::new(format!("{median:.digits$}"), (x, 0.1 * median), style);
        chart.draw_series([bar])?;
        chart.draw_series([PathElement::new([(x, min), (x, max)], BLACK.stroke_width(2))])?;
        chart.draw_series([label])?;
    }
    Ok(())
}
