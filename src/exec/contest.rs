//! Which of several ways to compute the same is the fastest: a contest that noise does not win.

use super::error::ExecError;

/// A change must save this part of the rule's time.
const LEAST_GAIN: f64 = 0.03;

/// A change must save this many times the spread.
const SPREADS: f64 = 2.0;

/// A measurement runs a candidate again and again for this many seconds, which is long beside the resolution of a clock
/// (1 us on some GPUs) and beside a submission.
const MEASUREMENT: f64 = 2e-3;

/// Most runs in a measurement.
const MOST_TIMES: usize = 1 << 14;

/// A candidate leaves at once when it takes this many times as long as the best one.
const HOPELESS: f64 = 2.0;

/// Rounds of a final, and those after which it ends if the challenger saves nothing.
const ROUNDS: usize = 9;
const FIRST_ROUNDS: usize = 3;

/// The number of the rule's own choice among the candidates.
pub(super) const RULE: usize = 0;

/// Runs candidates and takes the time.
pub(super) trait Stopwatch {
    /// Seconds of `times` runs of a candidate, one after the other.
    async fn seconds(&mut self, candidate: usize, times: usize) -> Result<f64, ExecError>;
}

/// How a contest ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Verdict {
    /// The candidate to choose.
    pub winner: usize,
    /// Seconds of a run of the rule's choice.
    pub rule: f64,
    /// Seconds of a run of the winner.
    pub best: f64,
    /// Part of the rule's time that the challenger in the final saved; negative where it took longer.
    pub gain: f64,
    /// By how much two measurements of the same differed, as a part of the time.
    pub spread: f64,
}

/// Holds the contest. Candidates that the rule did not choose are measured in rounds, after each of which the faster half
/// stays. The one that is left meets the rule's choice in a final of several rounds, in which each challenge stands between
/// two measurements of the rule's choice. The two say how far the times spread, and their mean moves with a clock that
/// speeds up or slows down. The challenger wins if the median of what it saves is above 3 % and above twice the spread.
pub(super) async fn contest(watch: &mut impl Stopwatch, challengers: &[usize]) -> Result<Verdict, ExecError> {
    let times = times(watch).await?;
    let mut field: Vec<(usize, f64)> = challengers.iter().map(|candidate| (*candidate, f64::INFINITY)).collect();
    let mut measurements = 2;
    while field.len() > 1 {
        // In turn, so that a disturbance meets all of them.
        for _ in 0..measurements {
            for (candidate, least) in &mut field {
                *least = least.min(watch.seconds(*candidate, times).await?);
            }
            let best = field.iter().fold(f64::INFINITY, |best, (_, least)| best.min(*least));
            field.retain(|(_, least)| *least <= best * HOPELESS);
        }
        field.sort_by(|a, b| a.1.total_cmp(&b.1));
        field.truncate(field.len().div_ceil(2));
        measurements += 1;
    }
    let challenger = field.first().map_or(RULE, |(candidate, _)| *candidate);
    let mut rounds: Vec<Round> = Vec::new();
    while rounds.len() < ROUNDS {
        let before = watch.seconds(RULE, times).await?;
        let challenge = watch.seconds(challenger, times).await?;
        let after = watch.seconds(RULE, times).await?;
        rounds.push(Round { before, challenge, after });
        if rounds.len() == FIRST_ROUNDS && median(rounds.iter().map(Round::gain)) <= 0.0 {
            break;
        }
    }
    let (gain, spread) = (median(rounds.iter().map(Round::gain)), spread(&rounds));
    let wins = challenger != RULE && gain > LEAST_GAIN && gain > SPREADS * spread;
    let rule = median(rounds.iter().map(Round::rule)) / times as f64;
    let best = if wins { median(rounds.iter().map(|round| round.challenge)) / times as f64 } else { rule };
    Ok(Verdict { winner: if wins { challenger } else { RULE }, rule, best, gain, spread })
}

/// The spread of a device over several contests, if it is noise: if the same, measured twice, differs by more than what is
/// saved where something won, or by more than what a change must save where nothing won.
pub(super) fn noise(verdicts: &[Verdict]) -> Option<f64> {
    let spread = median(verdicts.iter().map(|verdict| verdict.spread));
    let gains = || verdicts.iter().filter(|verdict| verdict.winner != RULE).map(|verdict| verdict.gain);
    (spread > median(gains()).max(LEAST_GAIN)).then_some(spread)
}

/// Runs in a measurement: as many as the rule's choice makes in its time. Where the clock shows nothing yet, twice as many
/// are tried.
async fn times(watch: &mut impl Stopwatch) -> Result<usize, ExecError> {
    let mut times = 1;
    loop {
        let seconds = watch.seconds(RULE, times).await?;
        if seconds >= MEASUREMENT || times >= MOST_TIMES {
            return Ok(times);
        }
        // The estimate is rough where the time is short, so it grows step by step.
        let more = (MEASUREMENT / seconds.max(1e-9)).ceil().min(16.0);
        times = (times * (more as usize).max(2)).min(MOST_TIMES);
    }
}

/// A round of a final, in seconds.
struct Round {
    before: f64,
    challenge: f64,
    after: f64,
}

impl Round {
    fn rule(&self) -> f64 {
        f64::midpoint(self.before, self.after)
    }

    fn gain(&self) -> f64 {
        1.0 - self.challenge / self.rule().max(f64::MIN_POSITIVE)
    }

    fn difference(&self) -> f64 {
        (self.before - self.after).abs() / self.rule().max(f64::MIN_POSITIVE)
    }
}

/// The median difference between two measurements of the rule's choice, or how far a gain lies from their median, if that
/// is more: the challenger's times may spread too.
fn spread(rounds: &[Round]) -> f64 {
    let gain = median(rounds.iter().map(Round::gain));
    let deviation = median(rounds.iter().map(|round| (round.gain() - gain).abs()));
    median(rounds.iter().map(Round::difference)).max(deviation)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n => f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that only pretends to run: candidates take `seconds`, and the times are disturbed.
    struct Device {
        seconds: Vec<f64>,
        /// Relative size of the noise of each measurement.
        noise: f64,
        /// Part of the measurements that something else on the machine makes half as long again.
        disturbed: f64,
        /// By how much each measurement takes longer than the one before.
        drift: f64,
        /// Seconds of a tick of the clock.
        tick: f64,
        state: u64,
        measured: usize,
        busy: f64,
    }

    impl Device {
        fn new(seconds: &[f64], seed: u64) -> Self {
            let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let seconds = seconds.to_vec();
            Self { seconds, noise: 0.0, disturbed: 0.0, drift: 0.0, tick: 0.0, state, measured: 0, busy: 0.0 }
        }

        /// Uniform in 0..1 (xorshift64*).
        fn draw(&mut self) -> f64 {
            self.state ^= self.state >> 12;
            self.state ^= self.state << 25;
            self.state ^= self.state >> 27;
            (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn verdict(&mut self) -> Verdict {
            let challengers: Vec<usize> = (1..self.seconds.len()).collect();
            pollster::block_on(contest(self, &challengers)).unwrap()
        }
    }

    impl Stopwatch for Device {
        async fn seconds(&mut self, candidate: usize, times: usize) -> Result<f64, ExecError> {
            let sum = (0..12).map(|_| self.draw()).sum::<f64>() - 6.0;
            let disturbed = if self.draw() < self.disturbed { 1.5 } else { 1.0 };
            let drift = 1.0 + self.drift * self.measured as f64;
            let seconds =
                self.seconds[candidate] * times as f64 * (1.0 + self.noise * sum).max(0.1) * disturbed * drift;
            self.measured += 1;
            self.busy += seconds;
            Ok(if self.tick > 0.0 { (seconds / self.tick).floor() * self.tick } else { seconds })
        }
    }

    const EQUAL: [f64; 12] = [5e-3; 12];

    #[test]
    fn equal_candidates_change_nothing() {
        for (noise, disturbed, drift) in
            [(0.0, 0.0, 0.0), (0.02, 0.0, 0.0), (0.2, 0.0, 0.0), (0.01, 0.3, 0.0), (0.05, 0.5, 0.0), (0.0, 0.0, 0.01)]
        {
            let wins = (0..400).filter(|seed| {
                let mut device = Device { noise, disturbed, drift, ..Device::new(&EQUAL, *seed) };
                device.verdict().winner != RULE
            });
            // By chance a few of the worst devices.
            let wins = wins.count();
            assert!(wins <= 4, "{wins} of 400 with noise {noise}, disturbed {disturbed}, drift {drift}");
        }
    }

    #[test]
    fn a_fast_candidate_is_found() {
        let mut seconds = EQUAL;
        seconds[7] *= 0.8;
        for (noise, disturbed, drift) in [(0.0, 0.0, 0.0), (0.02, 0.0, 0.0), (0.01, 0.1, 0.0), (0.0, 0.0, -0.002)] {
            let wins = (0..100).filter(|seed| {
                let mut device = Device { noise, disturbed, drift, ..Device::new(&seconds, *seed) };
                let verdict = device.verdict();
                verdict.winner == 7 && (verdict.gain - 0.2).abs() < 0.05
            });
            let wins = wins.count();
            assert!(wins >= 90, "{wins} of 100 with noise {noise}, disturbed {disturbed}, drift {drift}");
        }
    }

    #[test]
    fn a_small_gain_changes_nothing() {
        let mut device = Device::new(&[1e-3, 0.975e-3], 0);
        let verdict = device.verdict();
        assert_eq!((verdict.winner, verdict.best), (RULE, verdict.rule));
        assert!((verdict.gain - 0.025).abs() < 1e-6, "{verdict:?}");
        assert_eq!(Device::new(&[1e-3, 0.96e-3], 0).verdict().winner, 1);
    }

    /// One run takes two or three ticks.
    #[test]
    fn a_coarse_clock_is_no_obstacle() {
        let mut device = Device { tick: 1e-6, ..Device::new(&[2.9e-6, 2.6e-6, 2.1e-6], 0) };
        let verdict = device.verdict();
        assert_eq!(verdict.winner, 2);
        assert!((verdict.rule - 2.9e-6).abs() < 1e-8 && (verdict.best - 2.1e-6).abs() < 1e-8, "{verdict:?}");
        // The clock does not show a single run at all.
        let mut device = Device { tick: 1e-6, ..Device::new(&[2.9e-8, 2.1e-8], 0) };
        assert_eq!(device.verdict().winner, 1);
    }

    /// The whole contest of twelve candidates takes no more time than 90 runs of the rule's choice, if none of them is slower.
    #[test]
    fn slow_candidates_leave_early() {
        let mut device = Device::new(&EQUAL, 0);
        device.verdict();
        assert!(device.busy < 90.0 * EQUAL[0], "{}", device.busy);
        let mut seconds = EQUAL;
        seconds[1..].fill(50e-3);
        seconds[5] = 4e-3;
        let mut device = Device::new(&seconds, 0);
        assert_eq!(device.verdict().winner, 5);
        let once = seconds.iter().sum::<f64>();
        assert!(device.busy < once + 35.0 * EQUAL[0], "{} {once}", device.busy);
    }

    #[test]
    fn noise_is_what_exceeds_the_gains() {
        let verdict = |winner, gain, spread| Verdict { winner, rule: 1.0, best: 1.0 - gain, gain, spread };
        assert_eq!(noise(&[]), None);
        assert_eq!(noise(&[verdict(RULE, 0.0, 0.01), verdict(1, 0.1, 0.02)]), None);
        // One gain that chance made, while all else differs from itself by a fifth.
        assert_eq!(noise(&[verdict(1, 0.1, 0.01), verdict(RULE, 0.1, 0.2), verdict(RULE, 0.0, 0.3)]), Some(0.2));
        assert_eq!(noise(&[verdict(RULE, 0.5, 0.3)]), Some(0.3));
        assert_eq!(noise(&[verdict(1, 0.5, 0.2)]), None);
    }
}
