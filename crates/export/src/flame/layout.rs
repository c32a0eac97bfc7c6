//! Which nodes of the tree get a box, and where.

use super::activity::Split;
use super::tree::Tree;

/// The width of the chart in pixels.
pub(super) const WIDTH: f64 = 1168.0;

/// Boxes narrower than this cannot be seen; a parent draws its narrow children as one.
const NARROWEST: f64 = 0.3;

/// Rows drawn at most: about what fits on three screens. Python's own recursion limit is 1000.
const DEEPEST: usize = 120;

/// A box of the chart.
#[derive(Debug)]
pub(super) struct Block {
    /// The row, 0 for the root.
    pub(super) depth: usize,
    /// Its left edge, from the left edge of the chart.
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) kind: Kind,
}

/// What a box stands for.
#[derive(Debug)]
pub(super) enum Kind {
    /// One node of the tree.
    Node(usize),
    /// Nodes drawn together because each is too narrow.
    Narrow(Merged),
    /// Nodes drawn together because they are too deep.
    Deep(Merged),
}

/// Nodes that have no box of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Merged {
    pub(super) places: usize,
    pub(super) total_ns: u64,
    pub(super) split: Split,
}

/// The boxes of a tree, each before its children, and what was left out.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) blocks: Vec<Block>,
    /// The number of rows.
    pub(super) rows: usize,
    pub(super) narrow: Merged,
    pub(super) deep: Merged,
}

impl Layout {
    pub(super) fn new(tree: &Tree) -> Self {
        let mut layout = Self::default();
        #[expect(clippy::cast_precision_loss, reason = "positions are drawn to 0.01 px")]
        let pixels = |ns: u64| ns as f64 / tree.total_ns().max(1) as f64 * WIDTH;
        let mut open = vec![(Tree::ROOT, 0, 0.0)];
        while let Some((at, depth, left)) = open.pop() {
            let node = &tree.nodes[at];
            layout.push(depth, left, pixels(node.total_ns), Kind::Node(at));
            let deep = depth + 2 >= DEEPEST && node.below > node.children.len();
            let drawn = if deep {
                0
            } else {
                let wide = |&&child: &&usize| pixels(tree.nodes[child].total_ns) >= NARROWEST;
                node.children.iter().take_while(wide).count()
            };
            let (drawn, rest) = node.children.split_at(drawn);
            let mut x = left;
            let mut next = Vec::new();
            for &child in drawn {
                next.push((child, depth + 1, x));
                x += pixels(tree.nodes[child].total_ns);
            }
            // Pushed last to first, so that boxes come out from left to right, parents first.
            open.extend(next.into_iter().rev());
            if rest.is_empty() {
                continue;
            }
            let merged = Merged::of(tree, rest);
            let (sum, kind) = if deep {
                (&mut layout.deep, Kind::Deep(merged))
            } else {
                (&mut layout.narrow, Kind::Narrow(merged))
            };
            sum.add(&merged);
            if pixels(merged.total_ns) >= NARROWEST {
                layout.push(depth + 1, x, pixels(merged.total_ns), kind);
            }
        }
        layout
    }

    fn push(&mut self, depth: usize, x: f64, width: f64, kind: Kind) {
        self.rows = self.rows.max(depth + 1);
        self.blocks.push(Block {
            depth,
            x,
            width,
            kind,
        });
    }
}

impl Merged {
    fn of(tree: &Tree, nodes: &[usize]) -> Self {
        let mut merged = Self::default();
        for &at in nodes {
            let node = &tree.nodes[at];
            merged.add(&Self {
                places: node.below + 1,
                total_ns: node.total_ns,
                split: node.split,
            });
        }
        merged
    }

    fn add(&mut self, other: &Self) {
        self.places += other.places;
        self.total_ns += other.total_ns;
        for (sum, ns) in self.split.iter_mut().zip(other.split) {
            *sum += ns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::testing::{self, Builder};

    #[test]
    fn children_lie_inside_their_parent_and_nothing_is_lost() {
        let profile = testing::hostile();
        let tree = Tree::new(&profile, &Options::default());
        let own: u64 = tree.nodes.iter().map(|node| node.self_ns).sum();
        assert_eq!(own, tree.total_ns());
        let layout = Layout::new(&tree);
        for (i, block) in layout.blocks.iter().enumerate() {
            assert!(block.x >= 0.0 && block.x + block.width <= WIDTH + 1e-6);
            let around = layout
                .blocks
                .iter()
                .take(if block.depth > 0 { i } else { 0 });
            assert!(
                block.depth == 0
                    || around.rev().any(|p| p.depth + 1 == block.depth
                        && p.x <= block.x + 1e-6
                        && p.x + p.width >= block.x + block.width - 1e-6)
            );
        }
        let nodes = layout
            .blocks
            .iter()
            .filter(|b| matches!(b.kind, Kind::Node(_)));
        assert_eq!(
            nodes.count() + layout.narrow.places + layout.deep.places,
            tree.nodes.len()
        );
    }

    #[test]
    fn narrow_boxes_are_drawn_as_one_and_counted() {
        let mut builder = Builder::new();
        builder.python(&["main", "hot"], 1_000_000);
        for n in 0..50 {
            builder.python(&["main", &format!("small{n}"), "leaf"], 100);
        }
        let tree = Tree::new(&builder.profile, &Options::default());
        let layout = Layout::new(&tree);
        assert_eq!(layout.narrow.places, 100);
        assert_eq!(layout.narrow.total_ns, 5_000);
        let last = layout.blocks.last().expect("there are boxes");
        assert!(matches!(last.kind, Kind::Narrow(_)) || layout.blocks.len() == 4);
        assert_eq!(layout.blocks.len(), 4);
    }

    #[test]
    fn a_deep_recursion_is_cut_and_counted() {
        let mut builder = Builder::new();
        builder.python(&["f"; 1000], 1_000_000);
        let tree = Tree::new(&builder.profile, &Options::default());
        let layout = Layout::new(&tree);
        assert_eq!(layout.rows, DEEPEST);
        assert_eq!(layout.deep.total_ns, 1_000_000);
        assert_eq!(layout.deep.places, 1001 - (DEEPEST - 1));
    }
}
