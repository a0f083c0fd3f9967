//! The pipelines of a program: some are made before the first step, others beside it.

use std::collections::HashSet;
use std::sync::Arc;

use super::command::Command;
use super::error::ExecError;
use super::executor::{INFER, NORM, TRAIN, UPDATE};
use super::program::{Program, Stage};
use super::{Executor, ProgramError};
use crate::gpu::{FirstUse, GpuError, Pipeline, compile};

impl Executor {
    /// Makes the pipelines of a plan before its first step. Threads begin those of evaluation when a training step can be
    /// submitted, or behind the first step of a software adapter, which needs all cores.
    pub(super) async fn prepare(&mut self, plan: usize) -> Result<(), ExecError> {
        match (plan, self.program.stage(plan)) {
            (TRAIN, Stage::Defined | Stage::Prepared) => {
                self.compile_training()?;
                if !self.gpu().is_software() {
                    self.program.begin(&[INFER, NORM]);
                }
            }
            (TRAIN, Stage::Submitted) if self.gpu().is_software() => {
                self.gpu().finished().await;
                self.program.begin(&[INFER, NORM]);
                self.program.advance(&[TRAIN], Stage::Finished);
            }
            (_, Stage::Defined) => self.program.prepare(&[plan])?,
            _ => {}
        }
        Ok(())
    }

    /// Threads begin to compile what a training step needs, where there are threads for that.
    pub fn begin_training(&mut self) {
        self.program.begin(&[TRAIN, UPDATE]);
    }

    /// Must be called after a step of a plan was staged.
    pub(super) fn staged(&mut self, plan: usize) {
        self.program.advance(&[plan], Stage::Waiting);
    }

    /// Waits until all that a training step needs is compiled. The first step does that too.
    ///
    /// # Errors
    /// What the device reports.
    pub fn compile_training(&mut self) -> Result<(), ExecError> {
        Ok(self.program.prepare(&[TRAIN, UPDATE])?)
    }

    /// Must be called after each submission. After the first one of a training step, or the second one to a software adapter,
    /// it waits for the pipelines of evaluation, so that no more than that is lost if they can't be made.
    pub(super) fn submitted(&mut self) -> Result<(), ExecError> {
        for plan in [TRAIN, INFER] {
            if self.program.stage(plan) == Stage::Waiting {
                self.program.begin_ahead(plan)?;
                self.program.advance(&[plan], Stage::Submitted);
            }
        }
        let last = if self.gpu().is_software() { Stage::Finished } else { Stage::Submitted };
        if self.program.stage(TRAIN) == last {
            self.program.prepare(&[INFER, NORM])?;
        }
        Ok(())
    }
}

impl Program {
    /// How many of its pipelines are made by now.
    pub fn compiled(&self) -> usize {
        let made =
            self.schedules.iter().flatten().map(|command| &command.pipeline).filter(|pipeline| pipeline.is_made());
        made.map(Arc::as_ptr).collect::<HashSet<_>>().len()
    }

    /// How far a plan is.
    fn stage(&self, plan: usize) -> Stage {
        self.stages.get(plan).copied().unwrap_or(Stage::Defined)
    }

    fn advance(&mut self, plans: &[usize], to: Stage) {
        for plan in plans {
            if let Some(stage) = self.stages.get_mut(*plan).filter(|stage| **stage < to) {
                *stage = to;
            }
        }
    }

    /// Begins to make the pipelines of these plans, where there are threads for that, and does not wait.
    pub(super) fn begin(&mut self, plans: &[usize]) {
        let commands = self.unprepared(plans);
        self.compilation.begin(commands.iter().map(|command| command.pipeline.clone()).collect());
    }

    /// Makes the pipelines of these plans, of those that this program has, if they are not made yet.
    ///
    /// # Errors
    /// What the device reports.
    pub(super) fn prepare(&mut self, plans: &[usize]) -> Result<(), GpuError> {
        let commands = self.unprepared(plans);
        if commands.is_empty() {
            return Ok(());
        }
        let pipelines: Vec<Arc<Pipeline>> = commands.iter().map(|command| command.pipeline.clone()).collect();
        self.compilation.stop();
        compile(&pipelines);
        self.advance(plans, Stage::Prepared);
        self.gpu.check()
    }

    /// Begins to make the machine code of a plan on a software adapter, whose device was just given a step of it.
    fn begin_ahead(&mut self, plan: usize) -> Result<(), ProgramError> {
        let uses = self.first_uses(plan)?;
        self.compilation.begin_ahead(&self.gpu, uses);
        Ok(())
    }

    /// What a driver compiles for a plan, in the order of its dispatches.
    fn first_uses(&self, plan: usize) -> Result<Vec<FirstUse>, ProgramError> {
        let mut uses: Vec<FirstUse> = Vec::new();
        for first in self.schedule(plan)?.iter().map(Command::first_use) {
            if !uses.iter().any(|other| other.is_same(&first)) {
                uses.push(first);
            }
        }
        Ok(uses)
    }

    /// The commands of those of `plans` that are not prepared.
    fn unprepared(&self, plans: &[usize]) -> Vec<&Command> {
        let unprepared = plans.iter().filter(|plan| self.stages.get(**plan) == Some(&Stage::Defined));
        unprepared.filter_map(|plan| self.schedules.get(*plan)).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use super::super::Options;
    use super::super::schedules::Schedules;
    use super::*;
    use crate::gpu::{AdapterChoice, Gpu, Pipelines, dispatch_nothing};
    use crate::model::Network;
    use crate::model::zoo::ZooModel;

    /// Where Mesa keeps machine code.
    const CACHE: &str = "MESA_SHADER_CACHE_DIR";

    fn network(name: &str) -> Network {
        ZooModel::named(name, [32, 32, 3], 10).unwrap().unwrap()
    }

    /// A program of the training and the evaluation step, with nothing compiled.
    fn program(gpu: &Arc<Gpu>, network: &Network) -> (Program, Schedules) {
        let options = Options::default();
        let mut pipelines = Pipelines::new(options.checks);
        let schedules = Schedules::that_fit(gpu, network, 8, &options).unwrap();
        let plans = [&schedules.train, &schedules.infer];
        (Program::allocate(gpu.clone(), &schedules.graph, &plans, &mut pipelines).unwrap(), schedules)
    }

    #[test]
    fn a_training_step_is_submitted_before_the_pipelines_of_evaluation_exist() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let (mut program, schedules) = program(&gpu, &network("resnet20"));
        assert_eq!(program.compiled(), 0);
        program.prepare(&[0]).unwrap();
        program.run(0).unwrap();
        let of_training: HashSet<_> = schedules.train.dispatches().iter().map(|dispatch| dispatch.recipe()).collect();
        assert_eq!(program.compiled(), of_training.len());
        assert!(program.compiled() < program.pipelines());
        program.prepare(&[1]).unwrap();
        assert_eq!(program.compiled(), program.pipelines());
        gpu.block_on(gpu.finished());
        gpu.check().unwrap();
    }

    /// Number of files below a directory.
    fn files(path: &Path) -> usize {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
    }

    /// Their number when the driver, which writes beside other work, has written all.
    fn files_at_rest(path: &Path) -> usize {
        let mut before = usize::MAX;
        while before != files(path) {
            before = files(path);
            std::thread::sleep(Duration::from_secs(1));
        }
        before
    }

    /// What another device dispatched without a workgroup, over other memory, is all that the driver needs for a step.
    #[test]
    fn machine_code_that_another_device_made_serves() {
        let cache = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--ignored", "--nocapture", "exec::preparation::tests::with_an_empty_cache"]);
        let output = command.env(CACHE, cache.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "a part of another test, in a process of its own"]
    fn with_an_empty_cache() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let twin = pollster::block_on(gpu.twin()).unwrap();
        let (mut program, _) = program(&gpu, &network("mobilenet_v2"));
        let uses = program.first_uses(0).unwrap();
        for first in &uses {
            dispatch_nothing(&twin, first).unwrap();
        }
        program.prepare(&[0]).unwrap();
        let cache = std::env::var_os(CACHE).map(std::path::PathBuf::from);
        let made = cache.as_deref().map(files_at_rest);
        program.run(0).unwrap();
        gpu.block_on(gpu.finished());
        gpu.check().unwrap();
        // Other drivers than Mesa's leave the directory empty.
        if gpu.info().driver == "llvmpipe" {
            assert!(made >= Some(uses.len()), "{made:?} files of {} kernels", uses.len());
            assert_eq!(cache.as_deref().map(files_at_rest), made);
        }
    }
}
