//! The guest of `scale`: it plays each command in a fork of itself.

use super::ScaleJob;
use crate::channel::{Channel, numbers};
use crate::error::Error;
use crate::layout::environment;
use crate::player::{Ground, SCALER_MODULE};
use crate::session::IsAsked;
use pitstop_analysis::scaling::Count;
use pitstop_model::Layout;
use std::process::Stdio;

/// What a fork answered.
pub(super) enum Answer<T> {
    Known(T),
    /// It took longer than it may.
    Late,
    /// A signal ended it.
    Killed(i32),
    /// Python raised an exception: its traceback.
    Raised(String),
}

/// A size that was tried.
pub(super) struct Probe {
    pub(super) make_ns: f64,
    pub(super) first_ns: f64,
    pub(super) later_ns: f64,
    /// Of the later call: the share of its time, waits aside, that it computed.
    pub(super) computes: f64,
    pub(super) peak_rss_bytes: u64,
    /// The call changed its input, or nobody can tell.
    pub(super) changes: bool,
}

/// Wall time, CPU time, and the wait for a CPU of a batch, in nanoseconds.
pub(super) type Batch = (f64, f64, f64);

pub(super) struct Scaler<'a> {
    channel: Channel<'a>,
    pub(super) version: String,
}

impl<'a> Scaler<'a> {
    pub(super) fn start(
        ground: &Ground,
        job: &'a ScaleJob,
        layout: &Layout,
        stop: &'a dyn IsAsked,
    ) -> Result<Self, Error> {
        let words = (
            job.side.python.clone(),
            ground.guest_words(SCALER_MODULE, &job.side),
        );
        let environment = environment(layout, &job.side, 0);
        let pipes = (Stdio::piped(), Stdio::piped());
        let started = ground.start(&job.name, &job.side, words, (layout, environment), pipes);
        let (process, errors) = started?;
        let mut channel = Channel::open(&job.name, process, errors, stop)?;
        let kind = if job.is_function {
            "function"
        } else {
            "statement"
        };
        let collect = if ground.without_gc { "off" } else { "on" };
        channel.tell(&[kind, &job.setup, &job.make, &job.text, collect])?;
        let line = channel.line()?;
        let Some(version) = line.strip_prefix("ready ") else {
            return Err(channel.garbled(&line));
        };
        Ok(Self {
            version: version.to_owned(),
            channel,
        })
    }

    fn ask(&mut self, command: &str, word: &str) -> Result<Answer<Vec<i64>>, Error> {
        self.channel.say(format!("{command}\n").as_bytes())?;
        let line = self.channel.line()?;
        if line == "late" {
            return Ok(Answer::Late);
        }
        if let Some(signal) = line.strip_prefix("killed ") {
            return Ok(Answer::Killed(signal.parse().unwrap_or(0)));
        }
        if let Some(length) = line.strip_prefix("failed ") {
            return Ok(Answer::Raised(self.channel.text(length)));
        }
        match numbers(&line, word) {
            Some(numbers) => Ok(Answer::Known(numbers)),
            None => Err(self.channel.garbled(&line)),
        }
    }

    pub(super) fn probe(&mut self, size: u64, limit_ms: u64) -> Result<Answer<Probe>, Error> {
        let answer = self.ask(&format!("p {size} {limit_ms}"), "p")?;
        Ok(answer.map(|known| {
            let at = |place: usize| known.get(place).copied().unwrap_or(0).max(0) as f64;
            let (wall, cpu, delay) = (at(3), at(4), at(5));
            Probe {
                make_ns: at(0),
                first_ns: at(1),
                later_ns: at(2),
                computes: cpu / (wall - delay).max(1.0),
                peak_rss_bytes: at(6) as u64 * 1024,
                changes: at(7) > 0.0,
            }
        }))
    }

    /// Batches of calls at a size; `fresh` as the guest's header tells.
    pub(super) fn measure(
        &mut self,
        (size, loops, times): (u64, u64, u64),
        fresh: u8,
        limit_ms: u64,
    ) -> Result<Answer<Vec<Batch>>, Error> {
        let command = format!("m {size} {loops} {times} {fresh} {limit_ms}");
        Ok(self.ask(&command, "m")?.map(|known| {
            let batches = known.chunks_exact(3);
            batches
                .map(|batch| (batch[0] as f64, batch[1] as f64, batch[2].max(0) as f64))
                .collect()
        }))
    }

    pub(super) fn count(
        &mut self,
        size: u64,
        fresh: u8,
        limit_ms: u64,
    ) -> Result<Answer<Count>, Error> {
        let answer = self.ask(&format!("c {size} {fresh} {limit_ms}"), "c")?;
        Ok(answer.map(|known| {
            let at = |place: usize| known.get(place).copied().unwrap_or(-1);
            let elements = u64::try_from(at(1)).ok().zip(u64::try_from(at(2)).ok());
            Count {
                size,
                bytecodes: at(0).max(0) as u64,
                elements,
            }
        }))
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        self.channel.finish().map(|_| ())
    }
}

impl<T> Answer<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Known(known) => Answer::Known(change(known)),
            Self::Late => Answer::Late,
            Self::Killed(signal) => Answer::Killed(signal),
            Self::Raised(text) => Answer::Raised(text),
        }
    }
}
