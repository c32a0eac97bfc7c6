//! The picture of a dump: every thread with what it does and its stack, innermost frame first.

use crate::paint::{Page, Style, Tint, text};
use crate::words::blocked_in;
use pitstop_model::{Dump, DumpFrame, DumpThread, ThreadState, Verdict};

/// Renders a dump.
pub fn render(dump: &Dump, style: &Style) -> String {
    let mut page = Page::new(*style);
    let line = page.line().gap(1).put(&format!("pid {}  ", dump.pid));
    page.wrapped(line, Tint::Strong, &dump.command);
    let line = page.line().gap(1);
    page.push(line.tinted(Tint::Quiet, &facts(dump)));
    for thread in &dump.threads {
        page.blank();
        title(&mut page, thread);
        frames(&mut page, &thread.frames);
        if let Some(remark) = remark(thread) {
            let line = page.line().gap(3);
            page.wrapped(line, Tint::Quiet, &remark);
        }
    }
    page.finish()
}

fn facts(dump: &Dump) -> String {
    let threads = match dump.threads.len() {
        1 => "1 thread".to_owned(),
        number => format!("{number} threads"),
    };
    match dump.python.as_str() {
        "" => threads,
        python => format!("Python {python} · {threads}"),
    }
}

fn title(page: &mut Page, thread: &DumpThread) {
    let line = page
        .line()
        .gap(1)
        .tinted(Tint::Strong, &thread.name)
        .tinted(Tint::Quiet, &format!("  tid {}", thread.tid))
        .gap(2);
    let doing = state(thread);
    // The state is what a reader of a stuck program came for: it is never cut off.
    if line.room() >= text::width(&text::safe(&doing, page.style())) {
        page.push(line.put(&doing));
    } else {
        page.push(line);
        let line = page.line().gap(3);
        page.wrapped(line, Tint::None, &doing);
    }
}

/// What a thread does, in words.
pub(crate) fn state(thread: &DumpThread) -> String {
    match thread.state {
        ThreadState::Python => "runs Python code, holds the GIL".to_owned(),
        ThreadState::NativeWithGil => "runs native code, holds the GIL".to_owned(),
        ThreadState::NativeWithoutGil => "runs native code, without the GIL".to_owned(),
        ThreadState::GilWait => "waits for the GIL".to_owned(),
        ThreadState::Lock => "waits for a lock or thread".to_owned(),
        ThreadState::Sleep => "sleeps".to_owned(),
        ThreadState::GarbageCollection => "collects garbage, holds the GIL".to_owned(),
        ThreadState::WaitingForCpu => "ready to run, waits for a CPU".to_owned(),
        ThreadState::Unknown => "state unknown".to_owned(),
        ThreadState::Blocked => match &thread.wait {
            None => "waits in a system call".to_owned(),
            Some(wait) => {
                let fd = match wait.fd {
                    0.. => format!(" (fd {})", wait.fd),
                    _ => String::new(),
                };
                let call = blocked_in(&wait.syscall, wait.descriptor, &wait.name);
                format!("waits for {call}{fd}")
            }
        },
    }
}

fn frames(page: &mut Page, frames: &[DumpFrame]) {
    let style = page.style();
    let safe_width = |value: &str| text::width(&text::safe(value, style));
    let names = frames.iter().map(|frame| safe_width(&frame.function));
    let places = frames.iter().map(|frame| safe_width(&place(frame)));
    let name_width = names.max().unwrap_or(0).min(style.width * 3 / 10);
    let place_width = places.max().unwrap_or(0).min(style.width * 4 / 10);
    for frame in frames {
        let name = text::safe(&frame.function, style);
        let line = page
            .line()
            .gap(3)
            .put(&text::cut_right(&name, name_width, style))
            .to(3 + name_width + 2)
            .tinted(
                Tint::Quiet,
                &text::cut_middle(&text::safe(&place(frame), style), place_width, style),
            );
        let line = match &frame.source {
            Some(source) => line
                .to(3 + name_width + 2 + place_width + 2)
                .put(source.trim()),
            None => line,
        };
        page.push(line);
        for (name, value) in &frame.locals {
            let line = page.line().gap(7);
            page.push(line.put(name).tinted(Tint::Quiet, " = ").put(value));
        }
    }
}

fn place(frame: &DumpFrame) -> String {
    match frame.line {
        0 => frame.file.clone(),
        line => format!("{}:{line}", frame.file),
    }
}

/// What is to be said about a stack that is not whole.
fn remark(thread: &DumpThread) -> Option<String> {
    match thread.verdict {
        Verdict::Partial(reason) => Some(format!("only the innermost frames: {}", reason.text())),
        Verdict::Failed(reason) => Some(format!("no stack: {}", reason.text())),
        _ if thread.frames.is_empty() => Some("no Python frames".to_owned()),
        Verdict::Exact | Verdict::Validated => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    fn check(style: Style, expect: &str) {
        let text = render(&cases::stuck(), &style);
        assert!(text == expect, "{text}");
    }

    #[test]
    fn a_dump_at_80_columns() {
        check(
            Style::plain(80),
            r#" pid 26641  python slow_report.py 40000
 Python 3.15.2 · 3 threads

 MainThread  tid 26641  runs Python code, holds the GIL
   dedupe    slow_report.py:20  if r["id"] not in seen:
       rows = [{'id': 1, 'date': '2026-01-01T00:00:00', 'currency': 'EUR'}, {'i…
       seen = [1, 2, 3, 5, 8, 13, ...]
   main      slow_report.py:43  unique = dedupe(rows)
   <module>  slow_report.py:53  main()

 Thread-1 (fetch)  tid 26650  waits for `recvfrom` on tcp 10.0.0.7:443 (fd 5)
   SSLSocket.recv_into  ssl.py:1285               return self.read(nbytes, buff…
   HTTPAdapter.send     requests/adapters.py:667
   fetch                fetch.py:5                return requests.get(url).json…

 native-pool  tid 26651  runs native code, without the GIL
   no stack: the thread kept running while it was read
"#,
        );
    }

    #[test]
    fn a_dump_at_60_columns_of_ascii() {
        check(
            Style::ascii(60),
            r#" pid 26641  python slow_report.py 40000
 Python 3.15.2 | 3 threads

 MainThread  tid 26641  runs Python code, holds the GIL
   dedupe    slow_report.py:20  if r["id"] not in seen:
       rows = [{'id': 1, 'date': '2026-01-01T00:00:00', 'c..
       seen = [1, 2, 3, 5, 8, 13, ...]
   main      slow_report.py:43  unique = dedupe(rows)
   <module>  slow_report.py:53  main()

 Thread-1 (fetch)  tid 26650
   waits for `recvfrom` on tcp 10.0.0.7:443 (fd 5)
   SSLSocket.recv_i..  ssl.py:1285               return se..
   HTTPAdapter.send    requests/adapters.py:667
   fetch               fetch.py:5                return re..

 native-pool  tid 26651  runs native code, without the GIL
   no stack: the thread kept running while it was read
"#,
        );
    }
}
