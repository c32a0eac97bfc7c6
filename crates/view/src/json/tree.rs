//! `pitstop/tree@1`.
//!
//! A tree is a list of nodes, callers before what they call; `parent` is a position in that list.
//! A nested form would make documents as deep as the program's recursion.

use super::document;
use super::shared::{CostJson, PlaceJson, WaitJson};
use pitstop_analysis::tree::{NodeKind, ThreadTree, TreeNode};
use pitstop_analysis::{Phase, Tree};
use serde::Serialize;

#[derive(Serialize)]
struct TreeJson<'a> {
    schema: &'static str,
    processes: usize,
    threads: Vec<ThreadJson<'a>>,
    /// Threads that only waited.
    idle: Vec<&'a str>,
}

/// The call trees.
pub fn tree(tree: &Tree) -> String {
    document(&TreeJson {
        schema: "pitstop/tree@1",
        processes: tree.processes,
        threads: tree.threads.iter().map(thread).collect(),
        idle: tree.idle.iter().map(|t| t.name.as_str()).collect(),
    })
}

#[derive(Serialize)]
struct ThreadJson<'a> {
    name: &'a str,
    tid: u32,
    pid: u32,
    main: bool,
    command: &'a str,
    time: CostJson,
    nodes: Vec<NodeJson<'a>>,
}

fn thread(tree: &ThreadTree) -> ThreadJson<'_> {
    ThreadJson {
        name: &tree.thread.name,
        tid: tree.thread.tid,
        pid: tree.thread.pid,
        main: tree.thread.is_main,
        command: &tree.command,
        time: (&tree.thread.cost).into(),
        nodes: tree.nodes.iter().map(node).collect(),
    }
}

#[derive(Serialize)]
struct NodeJson<'a> {
    parent: Option<usize>,
    depth: usize,
    kind: &'static str,
    /// For `stackless`, where it is known: the interpreter was `starting` or `ending`, or nothing
    /// but the `machinery` that starts programs and imports modules was on the stack.
    why: Option<&'static str>,
    function: Option<PlaceJson<'a>>,
    /// For `cut`: the number of branches left out.
    cut: Option<usize>,
    total: CostJson,
    own: CostJson,
    share: f64,
    hidden_frames: usize,
    recursion: u32,
    waits_for: Option<WaitJson<'a>>,
}

fn node(node: &TreeNode) -> NodeJson<'_> {
    let (kind, function, cut) = match &node.kind {
        NodeKind::Function(place) => ("function", Some(place.into()), None),
        NodeKind::Own => ("own", None, None),
        NodeKind::Cut(number) => ("cut", None, Some(*number)),
        NodeKind::Machinery | NodeKind::Phase(_) | NodeKind::Stackless => ("stackless", None, None),
    };
    let why = match &node.kind {
        NodeKind::Machinery => Some("machinery"),
        NodeKind::Phase(Phase::Starting) => Some("starting"),
        NodeKind::Phase(Phase::Ending) => Some("ending"),
        _ => None,
    };
    NodeJson {
        parent: node.parent,
        depth: node.depth,
        kind,
        why,
        function,
        cut,
        total: (&node.total).into(),
        own: (&node.own).into(),
        share: node.share,
        hidden_frames: node.folded,
        recursion: node.recursion,
        waits_for: node.waits_for.as_ref().map(Into::into),
    }
}
