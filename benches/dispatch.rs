//! Time of every step of the tutorial network's training schedule, each run alone and waited for:
//! `cargo bench --bench dispatch -- [batch size] [micro-kernel]`.

mod tutorial;

use std::time::Instant;

use wgrad::graph::Step;

const ROUNDS: usize = 5;
const TIMES: usize = 10;

fn main() -> Result<(), wgrad::Error> {
    let (gpu, executor, _) = tutorial::open()?;
    let run = |step: usize, times: usize| {
        let start = Instant::now();
        let mut encoder = gpu.encoder();
        executor.program().encode_step(0, step, times, &mut encoder);
        gpu.submit(encoder);
        let _ = gpu.device().poll(wgpu::PollType::wait_indefinitely());
        start.elapsed().as_secs_f64() / times as f64
    };
    let steps = &executor.train_plan().steps;
    let mut best = vec![f64::MAX; steps.len()];
    for _ in 0..ROUNDS {
        for (step, best) in best.iter_mut().enumerate() {
            *best = best.min(run(step, TIMES));
        }
    }
    let total: f64 = best.iter().sum();
    for (step, seconds) in steps.iter().zip(&best) {
        let (name, rate) = match step {
            Step::Dispatch(dispatch) => {
                (dispatch.name.clone(), format!("{:6.1} GFLOP/s", dispatch.kernel.flops as f64 / seconds / 1e9))
            }
            Step::Image(tensor) => {
                let tensor = executor.graph().tensor(*tensor);
                (format!("image of {}", tensor.name), format!("{:6.1} GB/s", tensor.bytes() as f64 / seconds / 1e9))
            }
        };
        println!("{name:40} {:8.0} us {:5.1} %  {rate}", seconds * 1e6, 100.0 * seconds / total);
    }
    println!("{:40} {:8.0} us", "sum", total * 1e6);
    Ok(())
}
