//! Time of every step of the tutorial network's training schedule, each run alone and waited for:
//! `cargo bench --bench dispatch -- [batch size] [micro-kernel]`.
#![allow(unsafe_code)]

mod tutorial;

unsafe extern "C" {
    fn clock() -> i64;
}

const ROUNDS: usize = 5;
const TIMES: usize = 10;

fn main() -> Result<(), wgrad::Error> {
    let (gpu, executor, _) = tutorial::open()?;
    let run = |step: usize, times: usize| {
        let start = unsafe { clock() };
        let mut encoder = gpu.encoder();
        executor.program().encode_step(0, step, times, &mut encoder);
        gpu.submit(encoder);
        let _ = gpu.device().poll(wgpu::PollType::wait_indefinitely());
        (unsafe { clock() } - start) as f64 / 2e6 / times as f64
    };
    let steps = &executor.train_plan().dispatches;
    if let Ok(only) = std::env::var("ONLY") {
        for _ in 0..2000 {
            run(only.parse().unwrap(), 10);
        }
    }
    let mut best = vec![f64::MAX; steps.len()];
    for _ in 0..ROUNDS {
        for (step, best) in best.iter_mut().enumerate() {
            *best = best.min(run(step, TIMES));
        }
    }
    let total: f64 = best.iter().sum();
    for (step, seconds) in steps.iter().zip(&best) {
        let name = &step.name;
        let rate = format!("{:6.1} GFLOP/s", step.kernel.flops as f64 / seconds / 1e9);
        println!("{name:40} {:8.0} us {:5.1} %  {rate}", seconds * 1e6, 100.0 * seconds / total);
    }
    println!("{:40} {:8.0} us", "sum", total * 1e6);
    Ok(())
}
