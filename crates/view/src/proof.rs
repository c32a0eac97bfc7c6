//! The picture of a proof: the verdict, what it rests on, and the first call that differs.

use crate::paint::{Cell, Column, Page, Style, Table, Tint, number};
use crate::trials::{percent, range, time};
use pitstop_analysis::proof::{
    Finding, FunctionProof, Kind, Pass, Proof, Reached, Speed, Tests, Verdict,
};

/// The column that facts begin in.
const FACTS: usize = 12;

/// Functions and reasons that are named.
const NAMED: usize = 8;

/// Renders a proof.
pub fn render(proof: &Proof, style: &Style) -> String {
    let mut page = Page::new(*style);
    headline(&mut page, proof, *style);
    fact(&mut page, "workload", &proof.workload);
    if let Some(function) = proof.functions.iter().find(|known| known.finding.is_some())
        && let Some(finding) = &function.finding
    {
        page.blank();
        first_difference(&mut page, function, finding);
        page.blank();
    }
    functions(&mut page, proof);
    equality(&mut page, proof);
    if let Some(tests) = &proof.tests {
        self::tests(&mut page, tests);
    }
    speeds(&mut page, proof, *style);
    for note in &proof.notes {
        fact(&mut page, "note", note);
    }
    page.finish()
}

fn factor(factor: f64) -> String {
    if factor < 10.0 {
        format!("{factor:.2}")
    } else {
        format!("{factor:.0}")
    }
}

fn times(value: f64, style: Style) -> String {
    format!("{}{}", factor(value), if style.unicode { "×" } else { "x" })
}

fn headline(page: &mut Page, proof: &Proof, style: Style) {
    let (tint, word) = match proof.verdict() {
        Verdict::Accepted => (Tint::Better, "accepted"),
        Verdict::Equal => (Tint::Better, "equal"),
        Verdict::Rejected => (Tint::Worse, "rejected"),
        Verdict::NotFaster => (Tint::Worse, "not faster"),
        Verdict::Inconclusive => (Tint::Id, "inconclusive"),
        Verdict::Refused => (Tint::Id, "refused"),
    };
    let why = match (proof.verdict(), &proof.whole_speed) {
        (Verdict::Accepted, Some(speed)) => {
            format!(
                "equal, and the workload is {} faster",
                times(speed.factor, style)
            )
        }
        (Verdict::Accepted, None) => "equal and faster".into(),
        (Verdict::Equal, _) => "nothing was measured (--equality-only)".into(),
        (Verdict::Rejected, _) => {
            let different = proof
                .functions
                .iter()
                .filter(|known| known.finding.is_some());
            match different.count() {
                0 => "the tests end otherwise".into(),
                1 => "the new version does something else".into(),
                many => format!("{many} functions do something else in the new version"),
            }
        }
        (Verdict::NotFaster, Some(speed)) => format!(
            "equal, but the workload takes {} of the old time; asked for is {} faster",
            percent(1.0 / speed.factor),
            times(proof.least, style)
        ),
        (Verdict::NotFaster, None) => "equal, but not faster".into(),
        (Verdict::Inconclusive, _) => "equal; whether it is faster stays open".into(),
        (Verdict::Refused, _) => refusal(proof),
    };
    let line = page.line().gap(1).tinted(tint, word).to(FACTS);
    page.wrapped(line, Tint::Strong, &why);
    let [old, new] = &proof.versions;
    let arrow = if style.unicode { "→" } else { "->" };
    fact(page, "versions", &format!("{old} {arrow} {new}"));
}

/// Why nothing could be proved.
fn refusal(proof: &Proof) -> String {
    if proof.functions.iter().all(|known| known.calls == 0) {
        return match proof.functions.as_slice() {
            [one] => format!("the workload never calls {}", one.name),
            _ => "the workload calls none of the functions that differ".into(),
        };
    }
    let names: Vec<&str> = proof.unproved().map(|known| known.name.as_str()).collect();
    match names.as_slice() {
        [] => "no call could be compared".into(),
        [one] => format!("no call of {one} could be compared"),
        [one, rest @ ..] => format!(
            "no call of {one} and {} could be compared",
            number::counted(rest.len() as u64, "other function")
        ),
    }
}

/// The turn, as the end of a sentence.
fn turn(pass: Pass) -> &'static str {
    match pass {
        Pass::First => "",
        Pass::Again => ", called a second time with the same objects",
        Pass::Shortened => ", called again after its argument lost its last element",
        Pass::Fresh => ", called again after its caller changed the first result",
        Pass::Closed => ", its result closed after one item",
        Pass::Together => ", called after the other calls in one process",
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Value => "another value",
        Kind::Float => "a float with other digits",
        Kind::Type => "another type",
        Kind::Order => "another order",
        Kind::Identity => "not the same object",
        Kind::Exception => "another end",
        Kind::Mutation => "its argument is left otherwise",
        Kind::Output => "other output",
        Kind::Events => "something else happens outside",
        Kind::Laziness => "work at another moment",
        Kind::Consumption => "takes another number of items",
        Kind::Cache => "an earlier call shows",
        Kind::Stale => "a result that is out of date",
        Kind::Crash => "the call breaks off",
        Kind::Missing => "it is gone",
    }
}

fn first_difference(page: &mut Page, function: &FunctionProof, finding: &Finding) {
    let difference = &finding.difference;
    let text = format!(
        "{}, call {}{}",
        function.name,
        number::count(finding.number),
        turn(finding.pass)
    );
    let line = page.line().gap(1).tinted(Tint::Quiet, "differs").to(FACTS);
    page.wrapped(line, Tint::Strong, &text);
    for (name, value) in finding.arguments.iter().take(NAMED) {
        fact(page, "", &format!("{name} = {value}"));
    }
    if finding.arguments.len() > NAMED {
        let more = finding.arguments.len() - NAMED;
        fact(page, "", &number::counted(more as u64, "more argument"));
    }
    fact(page, "old", &finding.old);
    fact(page, "new", &finding.new);
    let what = format!(
        "{}, {}: {}, now {}",
        word(difference.kind),
        difference.place,
        difference.old,
        difference.new
    );
    fact(page, "what", &what);
    if finding.calls > 1 {
        let more = number::counted(finding.calls as u64 - 1, "more call");
        fact(
            page,
            "",
            &format!(
                "{more} of it differ{}",
                if finding.calls == 2 { "s" } else { "" }
            ),
        );
    }
}

fn functions(page: &mut Page, proof: &Proof) {
    let mut table = Table::new([
        Column::word(),
        Column::code(16),
        Column::number(),
        Column::code(8),
    ]);
    let shown: Vec<&FunctionProof> = proof
        .functions
        .iter()
        .filter(|known| known.calls > 0 || proof.functions.len() <= NAMED)
        .take(40)
        .collect();
    for function in &shown {
        let (tint, word) = if function.finding.is_some() {
            (Tint::Worse, "differs")
        } else if function.compared > 0 {
            (Tint::Better, "equal")
        } else if function.calls == 0 {
            (Tint::Quiet, "not called")
        } else {
            (Tint::Id, "open")
        };
        let cell = |text: String| -> Cell { (Tint::None, text) };
        let calls = match (function.calls, function.alike) {
            (0, _) => String::new(),
            (all, alike) => {
                let compared = number::count(function.compared as u64);
                let alike = match alike {
                    0 => String::new(),
                    many => format!(", {} alike", number::count(many)),
                };
                format!("{compared} of {}{alike}", number::counted(all, "call"))
            }
        };
        let about = match &function.finding {
            Some(finding) => self::word(finding.difference.kind).to_owned(),
            None => String::new(),
        };
        table.row([
            (tint, word.to_owned()),
            cell(function.name.clone()),
            cell(calls),
            (Tint::Quiet, about),
        ]);
    }
    table.write(page, 1);
    let hidden = proof.functions.len() - shown.len();
    if hidden > 0 {
        let text = format!(
            "{} that the workload does not call",
            number::counted(hidden as u64, "changed function")
        );
        fact(page, "", &text);
    }
    let reasons = proof.functions.iter().flat_map(|known| {
        let reasons = known.left_out.iter();
        reasons.map(|(why, count)| (known.name.as_str(), why.as_str(), *count))
    });
    let mut rest = 0;
    for (at, (name, why, count)) in reasons.enumerate() {
        if at < NAMED {
            let title = if at == 0 { "left out" } else { "" };
            let calls = number::counted(count, "call");
            fact(page, title, &format!("{calls} of {name}: {why}"));
        } else {
            rest += count;
        }
    }
    if rest > 0 {
        fact(
            page,
            "",
            &format!("{} for other reasons", number::counted(rest, "call")),
        );
    }
    for function in proof
        .functions
        .iter()
        .filter(|known| !known.opaque.is_empty())
    {
        let text = format!(
            "of {} in {} nothing but the type could be compared",
            function.opaque.join(", "),
            function.name
        );
        fact(page, "beware", &text);
    }
}

fn equality(page: &mut Page, proof: &Proof) {
    let compared = proof.compared();
    if compared == 0 {
        if proof.functions.iter().all(|known| known.calls == 0) {
            fact(
                page,
                "now",
                "name a workload that calls it: pitstop verify OLD NEW -- COMMAND",
            );
        }
        return;
    }
    if proof.differs() {
        return;
    }
    let mut text = format!(
        "shown for {} that the workload made, not for inputs that were never recorded",
        number::counted(compared as u64, "call")
    );
    if proof.tolerance > 0.0 {
        text += &format!(
            "; floats may differ by {:e} of their value",
            proof.tolerance
        );
    }
    fact(page, "equality", &text);
}

fn tests(page: &mut Page, tests: &Tests) {
    if tests.are_equal() {
        let count = tests.old.outcomes.len();
        let text = if count > 0 {
            format!("{} end as before", number::counted(count as u64, "test"))
        } else {
            format!("end with status {}, as before", tests.old.status)
        };
        let failing = tests.old.status != 0 && count > 0;
        let more = if failing { ", those that fail too" } else { "" };
        fact(page, "tests", &format!("{text}{more}: {}", tests.command));
        return;
    }
    let text = format!(
        "{}: status {} before, {} after",
        tests.command, tests.old.status, tests.new.status
    );
    fact(page, "tests", &text);
    for (name, before, after) in tests.changed().into_iter().take(NAMED) {
        fact(page, "", &format!("{name}: {before} before, {after} after"));
    }
}

fn speeds(page: &mut Page, proof: &Proof, style: Style) {
    let both = [
        ("calls", &proof.calls_speed),
        ("workload", &proof.whole_speed),
    ];
    for (title, speed) in both {
        if let Some(speed) = speed {
            let title = if title == "calls" { "calls" } else { "whole" };
            fact(page, title, &sentence(speed, style));
        }
    }
    let open = proof
        .whole_speed
        .as_ref()
        .map(|speed| speed.against(proof.least));
    if open == Some(Reached::Open) && !proof.differs() {
        let text = "measure longer (--time 60s), or a workload in which the functions weigh more";
        fact(page, "now", text);
    }
}

fn sentence(speed: &Speed, style: Style) -> String {
    let ends = speed.range.map_or(String::new(), |(low, high)| {
        let ends = range(&factor(low), &factor(high), style);
        format!(" {ends} at {}", percent(speed.sure))
    });
    let arrow = if style.unicode { "→" } else { "->" };
    let dot = if style.unicode { " · " } else { ", " };
    let [old, new] = speed.times_ns.map(time);
    format!(
        "{}{ends} faster{dot}{old} {arrow} {new}{dot}{}{dot}{}",
        times(speed.factor, style),
        number::counted(speed.pairs as u64, "pair"),
        speed.what
    )
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pitstop_analysis::proof::Difference;

    pub(crate) fn rejected() -> Proof {
        Proof {
            versions: ["app.py".into(), "fast.py".into()],
            workload: "python3 app.py".into(),
            python: "3.14.1".into(),
            least: 1.02,
            functions: vec![
                FunctionProof {
                    name: "app.py::unique".into(),
                    file: "app.py".into(),
                    line: 3,
                    why: "code".into(),
                    calls: 2000,
                    alike: 7,
                    recorded: 100,
                    compared: 98,
                    left_out: vec![("it depends on the order of sets".into(), 2)],
                    finding: Some(Finding {
                        number: 7,
                        pass: Pass::Fresh,
                        arguments: vec![("argument 1".into(), "[3, 3]".into())],
                        old: "returns [3]".into(),
                        new: "returns [3]".into(),
                        difference: Difference {
                            kind: Kind::Cache,
                            place: "result".into(),
                            old: "a list of 1".into(),
                            new: "a list of 2".into(),
                        },
                        calls: 3,
                    }),
                    opaque: Vec::new(),
                },
                FunctionProof {
                    name: "app.py::other".into(),
                    why: "code".into(),
                    ..FunctionProof::default()
                },
            ],
            ..Proof::default()
        }
    }

    pub(crate) fn accepted() -> Proof {
        let mut proof = rejected();
        proof.functions[0].finding = None;
        proof.whole_speed = Some(Speed {
            what: "python3 app.py".into(),
            factor: 1.84,
            range: Some((1.79, 1.9)),
            pairs: 8,
            times_ns: [1.2e9, 0.65e9],
            sure: 0.95,
        });
        proof
    }

    #[test]
    fn a_rejection_shows_the_call_and_what_differs() {
        let text = render(&rejected(), &Style::plain(100));
        for words in [
            " rejected   the new version does something else",
            "app.py::unique, call 7, called again after its caller changed the first result",
            "argument 1 = [3, 3]",
            "an earlier call shows, result: a list of 1, now a list of 2",
            "2 more calls of it differ",
            "98 of 2,000 calls, 7 alike",
            "2 calls of app.py::unique: it depends on the order of sets",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("shown for"), "{text}");
    }

    #[test]
    fn an_acceptance_says_how_far_it_reaches() {
        let text = render(&accepted(), &Style::plain(100));
        for words in [
            " accepted   equal, and the workload is 1.84× faster",
            "shown for 98 calls that the workload made, not for inputs that were never recorded",
            "1.84× [1.79 … 1.90] at 95 % faster",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn every_width_and_terminal_has_room() {
        for proof in [rejected(), accepted()] {
            for width in [30, 60, 100] {
                let text = render(&proof, &Style::ascii(width));
                assert!(
                    text.is_ascii() && text.lines().all(|line| line.len() <= width),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn nothing_called_says_what_to_do() {
        let mut proof = rejected();
        proof.functions.remove(0);
        let text = render(&proof, &Style::plain(100));
        assert!(
            text.contains("refused    the workload never calls app.py::other"),
            "{text}"
        );
        assert!(text.contains("pitstop verify OLD NEW -- COMMAND"), "{text}");
    }
}
