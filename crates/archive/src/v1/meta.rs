//! The facts about a recording in version 1: what ran, what measuring cost, what was lost.
//!
//! Written field by field, whole each time. Lists carry their length. Totals by reason and by way
//! of reading are lists too, so that a later pitstop may know more of them.

use super::MAX_ENTRIES;
use super::tables::{put_exit, take_exit, variant};
use crate::column::{Flaw, Input, put_text, put_varint};
use pitstop_model::{Meta, Method, Quality, RateChange, VerdictTotals};

type Result<T> = std::result::Result<T, Flaw>;

/// The most arguments or notes that are kept: four times what Linux passes to a program by default.
const MAX_TEXTS: usize = 1 << 20;

/// Writes `meta`, with `more_notes` after its own. Names every field, so that one added to the
/// model cannot be forgotten here.
pub(super) fn put_meta(out: &mut Vec<u8>, meta: &Meta, more_notes: &[String]) {
    let Meta {
        tool_version,
        method,
        command,
        directory,
        host,
        cpus,
        start_unix_s,
        duration_ns,
        cpu_ns,
        startup_ns,
        memory_limit_bytes,
        exit,
        interrupted,
        quality,
        notes,
    } = meta;
    put_text(out, tool_version);
    put_varint(out, *method as u64);
    put_texts(out, command.iter());
    put_text(out, directory);
    put_text(out, host);
    let (exit, status) = put_exit(*exit);
    for number in [
        (*cpus).into(),
        *start_unix_s,
        *duration_ns,
        *cpu_ns,
        *startup_ns,
        *memory_limit_bytes,
        exit,
        status,
        (*interrupted).into(),
    ] {
        put_varint(out, number);
    }
    put_quality(out, quality);
    put_texts(out, notes.iter().chain(more_notes));
}

pub(super) fn take_meta(input: &mut Input<'_>) -> Result<Meta> {
    let tool_version = input.text()?.to_owned();
    let method = variant(&Method::ALL, input.varint()?)?;
    let command = take_texts(input)?;
    let directory = input.text()?.to_owned();
    let host = input.text()?.to_owned();
    Ok(Meta {
        tool_version,
        method,
        command,
        directory,
        host,
        cpus: u32::try_from(input.varint()?)
            .map_err(|_| Flaw("the number of CPUs exceeds 32 bits"))?,
        start_unix_s: input.varint()?,
        duration_ns: input.varint()?,
        cpu_ns: input.varint()?,
        startup_ns: input.varint()?,
        memory_limit_bytes: input.varint()?,
        exit: take_exit(input.varint()?, input.varint()?)?,
        interrupted: input.varint()? != 0,
        quality: take_quality(input)?,
        notes: take_texts(input)?,
    })
}

fn put_quality(out: &mut Vec<u8>, quality: &Quality) {
    let Quality {
        verdicts:
            VerdictTotals {
                exact,
                validated,
                partial,
                failed,
            },
        readings,
        ticks,
        late_ticks,
        own_cpu_ns,
        delay_ns,
        rates,
        own_rss_bytes,
    } = quality;
    put_varint(out, *exact);
    put_varint(out, *validated);
    put_numbers(out, partial);
    put_numbers(out, failed);
    put_numbers(out, readings);
    for number in [ticks, late_ticks, own_cpu_ns, delay_ns, own_rss_bytes] {
        put_varint(out, *number);
    }
    let rates = &rates[..rates.len().min(MAX_ENTRIES)];
    put_varint(out, rates.len() as u64);
    for RateChange { time_ns, rate_hz } in rates {
        put_varint(out, *time_ns);
        out.extend(rate_hz.to_bits().to_le_bytes());
    }
}

fn take_quality(input: &mut Input<'_>) -> Result<Quality> {
    let verdicts = VerdictTotals {
        exact: input.varint()?,
        validated: input.varint()?,
        partial: take_numbers(input)?,
        failed: take_numbers(input)?,
    };
    let readings = take_numbers(input)?;
    // Whoever adds these up may do so without care.
    let totals = [verdicts.exact, verdicts.validated];
    let totals = totals
        .iter()
        .chain(&verdicts.partial)
        .chain(&verdicts.failed);
    check_sum(totals)?;
    check_sum(&readings)?;
    let [ticks, late_ticks, own_cpu_ns, delay_ns, own_rss_bytes] = [
        input.varint()?,
        input.varint()?,
        input.varint()?,
        input.varint()?,
        input.varint()?,
    ];
    let changes = input.count(MAX_ENTRIES)?;
    let rates = (0..changes)
        .map(|_| take_rate(input))
        .collect::<Result<_>>()?;
    Ok(Quality {
        verdicts,
        readings,
        ticks,
        late_ticks,
        own_cpu_ns,
        delay_ns,
        rates,
        own_rss_bytes,
    })
}

fn take_rate(input: &mut Input<'_>) -> Result<RateChange> {
    let time_ns = input.varint()?;
    let mut bits = [0; 8];
    bits.copy_from_slice(input.bytes(8)?);
    let rate_hz = f64::from_bits(u64::from_le_bytes(bits));
    Ok(RateChange { time_ns, rate_hz })
}

fn check_sum<'a>(numbers: impl IntoIterator<Item = &'a u64>) -> Result<()> {
    let sum = numbers
        .into_iter()
        .try_fold(0u64, |sum, &n| sum.checked_add(n));
    sum.map(drop).ok_or(Flaw("sample totals exceed 64 bits"))
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[u64]) {
    put_varint(out, numbers.len() as u64);
    for &number in numbers {
        put_varint(out, number);
    }
}

/// A list that may be shorter than `N`, from an earlier pitstop, or longer, if only by zeros.
fn take_numbers<const N: usize>(input: &mut Input<'_>) -> Result<[u64; N]> {
    let mut numbers = [0; N];
    for index in 0..input.count(MAX_ENTRIES)? {
        let number = input.varint()?;
        match numbers.get_mut(index) {
            Some(place) => *place = number,
            None if number == 0 => {}
            None => return Err(Flaw("counts something that this version does not know")),
        }
    }
    Ok(numbers)
}

fn put_texts<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a String> + Clone) {
    let texts = texts.take(MAX_TEXTS);
    put_varint(out, texts.clone().count() as u64);
    for text in texts {
        put_text(out, text);
    }
}

fn take_texts(input: &mut Input<'_>) -> Result<Vec<String>> {
    let count = input.count(MAX_TEXTS)?;
    (0..count)
        .map(|_| input.text().map(str::to_owned))
        .collect()
}
