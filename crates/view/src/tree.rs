//! The picture of call trees: one a thread, library frames folded.

use crate::legend::{LEAST_WIDTH, titled};
use crate::paint::bar::stacked;
use crate::paint::number::{TimeScale, counted, share, time};
use crate::paint::{Line, Page, Style, Tint, text};
use crate::words::wait_verb;
use pitstop_analysis::tree::{NodeKind, ThreadTree, TreeNode};
use pitstop_analysis::{Doing, Phase, Tree};

/// The columns of a page that branches may use; deeper ones are drawn at this depth.
const INDENT_PART: usize = 3;

/// Renders the call trees of a run.
pub fn render(tree: &Tree, style: &Style) -> String {
    let mut page = Page::new(*style);
    for (index, thread) in tree.threads.iter().enumerate() {
        page.blank();
        let title = title(&page, thread, tree.processes);
        if index == 0 {
            let costs = tree.threads.iter().map(|thread| &thread.thread.cost);
            titled(&mut page, title, costs);
        } else {
            page.push(title);
        }
        nodes(&mut page, thread);
    }
    page.blank();
    footer(&mut page, tree);
    page.finish()
}

fn title(page: &Page, tree: &ThreadTree, processes: usize) -> Line {
    let mut line = page.line().gap(1).tinted(Tint::Strong, &tree.thread.name);
    line = line.tinted(
        Tint::Quiet,
        &format!(" · {}", time(tree.thread.cost.total_ns())),
    );
    if processes > 1 {
        let process = format!(" · pid {}  ", tree.thread.pid);
        let style = page.style();
        let room = line.room().saturating_sub(text::width(&process));
        let command = text::cut_right(&text::safe(&tree.command, style), room.min(40), style);
        line = line
            .tinted(Tint::Quiet, &process)
            .tinted(Tint::Quiet, &command);
    }
    line
}

fn nodes(page: &mut Page, tree: &ThreadTree) {
    let style = page.style();
    let scale = TimeScale::of(tree.thread.cost.total_ns());
    let time_width = text::width(&scale.format(tree.thread.cost.total_ns()));
    let bar = match style.width {
        100.. => 10,
        LEAST_WIDTH.. => 6,
        _ => 0,
    };
    let full_ns = tree.thread.cost.total_ns();
    let most_levels = (style.width / INDENT_PART / 3).max(1);
    // Whether the ancestor at each depth was the last of its caller's nodes.
    let mut ended: Vec<bool> = Vec::new();
    for (index, node) in tree.nodes.iter().enumerate() {
        ended.truncate(node.depth);
        let mut line = page
            .line()
            .gap(1)
            .right(Tint::None, &scale.format(node.total.total_ns()), time_width)
            .right(Tint::None, &share(node.share), 7)
            .gap(2);
        if bar > 0 {
            let column = line.width() + bar + 2;
            line = stacked(line, &node.total, full_ns, bar).to(column);
        }
        line = branch(line, node, &ended, most_levels);
        let leaf = tree
            .nodes
            .get(index + 1)
            .is_none_or(|next| next.depth <= node.depth);
        page.push(describe(line, node, leaf, style));
        ended.push(node.last);
    }
}

/// The lines that lead to a node.
fn branch(mut line: Line, node: &TreeNode, ended: &[bool], most_levels: usize) -> Line {
    if node.depth == 0 {
        return line;
    }
    // Outermost nodes are not joined to each other, so their level draws nothing.
    let levels = &ended[1..];
    let skipped = levels.len().saturating_sub(most_levels);
    if skipped > 0 {
        line = line.tinted(Tint::Quiet, &format!("… {skipped} deep "));
    }
    for &ended in &levels[skipped..] {
        line = line.tinted(Tint::Quiet, if ended { "   " } else { "│  " });
    }
    line.tinted(Tint::Quiet, if node.last { "└─ " } else { "├─ " })
}

/// A path that has to make room for a remark keeps so many columns.
const LEAST_PLACE: usize = 16;

fn describe(line: Line, node: &TreeNode, leaf: bool, style: Style) -> Line {
    let mut remarks = Vec::new();
    let own_matters = leaf || node.kind == NodeKind::Own;
    if own_matters && node.own.mostly() == Some(Doing::Waiting) {
        remarks.push(wait_verb(node.waits_for.as_ref()));
    }
    if node.recursion > 1 {
        remarks.push(format!("recursion up to {} deep", node.recursion));
    }
    if node.folded > 0 {
        remarks.push(format!("{} hidden", counted(node.folded as u64, "frame")));
    }
    let remarks: String = remarks
        .iter()
        .map(|remark| format!(" · {remark}"))
        .collect();
    let line = match &node.kind {
        NodeKind::Function(place) => {
            let line = line.put(&place.function).gap(2);
            // What a function waits for says more than the folders that its file lies in.
            let room = line.room().saturating_sub(text::width(&remarks));
            let place = text::safe(&place.short(), style);
            let place = text::cut_middle(&place, room.max(LEAST_PLACE), style);
            line.tinted(Tint::Quiet, &place)
        }
        NodeKind::Own => line.put("[self]"),
        NodeKind::Cut(1) => line.tinted(Tint::Quiet, "1 smaller branch"),
        NodeKind::Cut(number) => line.tinted(Tint::Quiet, &format!("{number} smaller branches")),
        NodeKind::Machinery => line.tinted(Tint::Quiet, "(starting and importing)"),
        NodeKind::Phase(Phase::Starting) => line.tinted(Tint::Quiet, "(start of the interpreter)"),
        NodeKind::Phase(Phase::Ending) => line.tinted(Tint::Quiet, "(end of the interpreter)"),
        NodeKind::Stackless => line.tinted(Tint::Quiet, "(no Python stack)"),
    };
    line.tinted(Tint::Quiet, &remarks)
}

fn footer(page: &mut Page, tree: &Tree) {
    let mut said = Vec::new();
    if !tree.idle.is_empty() {
        let mut names: Vec<&str> = tree.idle.iter().map(|t| t.name.as_str()).collect();
        names.truncate(4);
        let more = if tree.idle.len() > names.len() {
            ", …"
        } else {
            ""
        };
        said.push(format!(
            "{} only waited: {}{more}",
            counted(tree.idle.len() as u64, "thread"),
            names.join(", ")
        ));
    }
    if tree.threads.len() > 1 {
        said.push("times are each thread's own".to_owned());
    }
    if tree.threads.is_empty() && tree.idle.is_empty() {
        said.push("No thread was seen.".to_owned());
    }
    if !said.is_empty() {
        let line = page.line().gap(1);
        page.wrapped(line, Tint::Quiet, &said.join(" · "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use pitstop_analysis::TreeOptions;

    fn check(profile: &pitstop_model::Profile, style: Style, expect: &str) {
        let tree = pitstop_analysis::tree::tree(profile, &TreeOptions::default());
        let text = render(&tree, &style);
        assert!(text == expect, "{text}");
    }

    #[test]
    fn trees_at_80_columns() {
        check(
            &cases::slow_report(),
            Style::plain(80),
            r" MainThread · 2.28 s             █ Python  ▓ native  ▚ GC  ▒ GIL wait  ░ waiting
 2.28 s  100 %  ███░░░  <module>  slow_report.py:1
 2.28 s  100 %  ███░░░  └─ main  slow_report.py:41
 1.13 s   50 %  ███        ├─ dedupe  slow_report.py:17
 0.55 s   24 %  ░          ├─ enrich  slow_report.py:30
 0.55 s   24 %  ░          │  └─ fetch_rate  slow_report.py:25 · sleeps
 0.42 s   18 %  ░          ├─ join  threading.py:1 · waits for a lock or thread
 0.17 s    8 %  █          └─ parse  slow_report.py:8
 0.10 s    4 %  ▎             ├─ _strptime_datetime  _strptime.py:1 · 1 frame h…
 0.05 s    2 %  ▓             ├─ loads  json/__init__.py:1 · 2 frames hidden
 0.03 s    1 %  ▚             └─ [self]

 Thread-1 (worker) · 419 ms
 419 ms  100 %  ▓▓▒▒▒▒  worker  slow_report.py:34

 Thread-2 (worker) · 419 ms
 419 ms  100 %  ▓▓▒▒▒▒  worker  slow_report.py:34

 Thread-3 (worker) · 419 ms
 419 ms  100 %  ▓▓▒▒▒▒  worker  slow_report.py:34

 times are each thread's own
",
        );
    }

    #[test]
    fn trees_of_processes_are_labelled_and_idle_threads_listed() {
        check(
            &cases::pool(),
            Style::ascii(100),
            r" MainThread | 2.00 s | pid 4001  pool.py --worker                                # Python  . waiting
 1.90 s   95 %  ##########  work  pool.py:1
 0.10 s    5 %  .           worker  multiprocessing/pool.py:1 | waits for a lock or thread

 MainThread | 2.00 s | pid 4002  pool.py --worker
 1.90 s   95 %  ##########  work  pool.py:1
 0.10 s    5 %  .           worker  multiprocessing/pool.py:1 | waits for a lock or thread

 MainThread | 2.00 s | pid 4003  pool.py --worker
 1.90 s   95 %  ##########  work  pool.py:1
 0.10 s    5 %  .           worker  multiprocessing/pool.py:1 | waits for a lock or thread

 MainThread | 2.00 s | pid 4000  pool.py
 2.00 s  100 %  ..........  <module>  pool.py:1
 2.00 s  100 %  ..........  `- map  multiprocessing/pool.py:1 | waits for `read` on pipe:[4711]

 times are each thread's own
",
        );
        let tree = pitstop_analysis::tree::tree(&cases::gil_bound(), &TreeOptions::default());
        let text = render(&tree, &Style::plain(100));
        assert!(text.contains("12 threads only waited: pool-0, pool-1, pool-2, pool-3, …"));
    }

    #[test]
    fn deep_branches_stay_on_the_page() {
        let mut s = pitstop_analysis::sketch::Sketch::new("deep.py");
        let main = s.main();
        let stack: Vec<String> = (1..=50).map(|n| format!("f{n} deep.py:{n}")).collect();
        s.spend(
            main,
            pitstop_model::ThreadState::Python,
            50,
            &stack.join("; "),
        );
        let tree = pitstop_analysis::tree::tree(&s.finish(), &TreeOptions::default());
        let text = render(&tree, &Style::plain(80));
        let last = text.lines().last().expect("a line");
        assert!(
            last.ends_with("… 40 deep                         └─ f50  deep.py:1"),
            "{last}"
        );
    }
}
