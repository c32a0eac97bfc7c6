//! Records a command and prints raw totals.
#![allow(clippy::print_stdout, reason = "an example")]
use pitstop_collect::*;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
fn main() {
    let mut args = std::env::args_os().skip(1);
    let rate: f64 = args.next().unwrap().to_str().unwrap().parse().unwrap();
    let way = match args.next().unwrap().to_str().unwrap() {
        "d" => Some(Way::Double),
        "c" => Some(Way::CoScheduled),
        "s" => Some(Way::Stopped),
        _ => None,
    };
    let program = args.next().unwrap();
    let launch = Launch {
        program,
        args: args.collect(),
    };
    let options = Options {
        rate_hz: rate,
        way,
        govern: false,
        ..Options::default()
    };
    let r = record(
        &Subject::Launch(launch),
        &options,
        &AtomicBool::new(false),
        &mut |_| (),
    )
    .unwrap();
    let p = &r.profile;
    p.check().unwrap();
    println!(
        "{:?} refusal {:?}",
        r.exit,
        r.refusal.map(|e| e.to_string())
    );
    let q = &p.meta.quality;
    println!(
        "{q:?} dur {} startup {}",
        p.meta.duration_ns as f64 / 1e9,
        p.meta.startup_ns as f64 / 1e9
    );
    let mut m: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut impossible = 0;
    for (row, count, weight) in p.series.iter() {
        let t = p.timeline.thread(row.thread);
        let names: Vec<_> = p
            .places
            .frames_of(row.stack)
            .map(|f| {
                let fr = p.places.frame(f);
                let fu = p.places.function(fr.function);
                (p.text(fu.qualname).to_owned(), fr.line)
            })
            .collect();
        let a = names.iter().any(|n| n.0.ends_with("_a"));
        let b = names.iter().any(|n| n.0.ends_with("_b"));
        if a && b {
            impossible += count;
        }
        let leaf = names
            .first()
            .map_or("-".into(), |n| format!("{}:{}", n.0, n.1));
        let wait = row
            .wait
            .map(|w| {
                let w = p.waits[w.0 as usize];
                format!("{} {} {}", p.text(w.syscall), w.fd, p.text(w.name))
            })
            .unwrap_or_default();
        let e = m
            .entry(format!(
                "{:5} {:12} {:?} {:10?} {} {}",
                t.tid,
                p.text(t.name),
                row.state,
                row.verdict,
                leaf,
                wait
            ))
            .or_default();
        e.0 += count;
        e.1 += weight;
    }
    let mut v: Vec<_> = m.into_iter().collect();
    v.sort_by_key(|x| std::cmp::Reverse(x.1.1));
    for (k, (c, w)) in v.iter().take(25) {
        println!("{:8.3} s {:7} {}", *w as f64 / 1e9, c, k);
    }
    println!(
        "impossible {impossible} rows {} processes {:?}",
        p.series.len(),
        p.timeline
            .processes
            .iter()
            .map(|x| (x.pid, p.text(x.python).to_owned()))
            .collect::<Vec<_>>()
    );
}
