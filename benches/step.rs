//! Images per second of whole training and evaluation steps of the tutorial network:
//! `cargo bench --bench step -- [batch size] [micro-kernel]`.

mod tutorial;

use std::time::Instant;

const SECONDS: f64 = 3.0;

fn main() -> Result<(), wgrad::Error> {
    let (gpu, mut executor, batch) = tutorial::open()?;
    for train in [true, false] {
        let start = Instant::now();
        let mut steps = 0;
        while start.elapsed().as_secs_f64() < SECONDS {
            for _ in 0..10 {
                if train {
                    gpu.block_on(executor.train_step(&batch))?;
                } else {
                    gpu.block_on(executor.eval_step(&batch))?;
                }
            }
            gpu.block_on(executor.metrics())?;
            steps += 10;
        }
        let seconds = start.elapsed().as_secs_f64() / f64::from(steps);
        let name = if train { "train" } else { "evaluate" };
        println!("{name}: {:.2} ms a step, {:.0} images/s", seconds * 1e3, batch.len as f64 / seconds);
    }
    Ok(())
}
