//! The steps of a program, put into command encoders.

use super::command::{Command, Run, encode, encode_timed};
use super::{Program, ProgramError};
use crate::gpu::Timestamps;

impl Program {
    /// Encodes the schedule of a plan into one compute pass, or into several where buffers are copied to images. Plans are
    /// counted from 0, in the order that they were given in.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`]
    pub fn encode(&self, plan: usize, encoder: &mut wgpu::CommandEncoder) -> Result<(), ProgramError> {
        self.encode_steps(&[Run { plan, minibatch: 0, renews: true }], encoder)
    }

    /// Encodes the schedules of several steps one after the other, in one pass if it can be.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`]
    pub(super) fn encode_steps(&self, steps: &[Run], encoder: &mut wgpu::CommandEncoder) -> Result<(), ProgramError> {
        let schedules: Vec<(&[Command], Run)> =
            (steps.iter()).map(|run| Ok((self.schedule(run.plan)?, *run))).collect::<Result<_, ProgramError>>()?;
        let commands = schedules.into_iter().flat_map(|(commands, run)| {
            let due = commands.iter().filter(move |command| run.renews || !command.lasts);
            due.map(move |command| (command, run.minibatch))
        });
        encode(commands, encoder);
        Ok(())
    }

    /// Encodes one dispatch of a plan `times` over, for measuring it.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`] or [`ProgramError::NoDispatch`]
    pub fn encode_step(
        &self,
        plan: usize,
        step: usize,
        times: usize,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<(), ProgramError> {
        let commands = self.schedule(plan)?;
        let command = commands.get(step).ok_or(ProgramError::NoDispatch { step, steps: commands.len() })?;
        encode(std::iter::repeat_n((command, 0), times), encoder);
        Ok(())
    }

    /// Encodes the schedule of a plan with a pair of timestamps around each step, and so each dispatch in a pass of its
    /// own: step `i` writes the pair `i`.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`]
    pub fn encode_timed(
        &self,
        plan: usize,
        timestamps: &Timestamps,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<(), ProgramError> {
        for (pair, command) in self.schedule(plan)?.iter().enumerate() {
            encode_timed(std::iter::once(command), timestamps.around(pair), encoder);
        }
        Ok(())
    }

    /// Encodes the schedule of a plan `times` over, between two timestamps if there are any.
    pub(super) fn encode_times(
        &self,
        plan: usize,
        times: usize,
        timestamps: Option<&Timestamps>,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<(), ProgramError> {
        let commands = std::iter::repeat_n(self.schedule(plan)?, times).flatten();
        match timestamps {
            Some(timestamps) => encode_timed(commands, timestamps.around(0), encoder),
            None => encode(commands.map(|command| (command, 0)), encoder),
        }
        Ok(())
    }

    /// Submits a plan once, and does not wait for it.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`]
    pub fn run(&self, plan: usize) -> Result<(), ProgramError> {
        let mut encoder = self.gpu.encoder();
        self.encode(plan, &mut encoder)?;
        self.gpu.submit(encoder);
        Ok(())
    }
}
