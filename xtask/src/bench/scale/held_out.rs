//! Twelve programs that nothing in `pitstop scale` was tuned with: run them with other seeds and
//! interpreters than the twenty-four. Whoever changes the recipe because of one of them moves it to
//! those, and finds a new one.

use super::{Case, case};

pub(super) const HELD_OUT: [Case; 12] = [
    case(
        "set membership",
        "O(1)",
        "",
        "lambda n: set(range(n))",
        "n // 2 in x",
    ),
    case(
        "deque rotation by one",
        "O(1)",
        "from collections import deque",
        "lambda n: deque(range(n))",
        "x.rotate(1)",
    ),
    case(
        "heap push and pop of the largest",
        "O(log n)",
        "from heapq import heappush, heappop",
        "lambda n: list(range(n))",
        "heappush(x, -1); heappop(x)",
    ),
    case(
        "binary digits",
        "O(log n)",
        "",
        "",
        "bits = []\nm = n\nwhile m:\n    bits.append(m & 1)\n    m >>= 1",
    ),
    case(
        "reversing words",
        "O(n)",
        "",
        "lambda n: 'word ' * n",
        "' '.join(reversed(x.split()))",
    ),
    case(
        "two sums by a dictionary",
        "O(n)",
        "import random\nrandom.seed(9)",
        "lambda n: random.sample(range(4 * n), n)",
        "seen = {}\nfor i, v in enumerate(x):\n    if -v in seen:\n        break\n    seen[v] = i",
    ),
    case(
        "sieve by slices",
        "O(n)",
        "",
        "",
        "flags = bytearray([1]) * (n + 2)\nfor i in range(3, n, 2):\n    if not flags[i]:\n        continue",
    ),
    case(
        "sort by a key",
        "O(n log n)",
        "import random\nrandom.seed(9)",
        "lambda n: [str(random.random()) for _ in range(n)]",
        "sorted(x, key=lambda text: text[::-1])",
    ),
    case(
        "pairs of a list",
        "O(n²)",
        "from itertools import combinations",
        "lambda n: list(range(n))",
        "sum(1 for a, b in combinations(x, 2) if a + b == 7)",
    ),
    case(
        "edit distance",
        "O(n²)",
        "def distance(a, b):\n    before = list(range(len(b) + 1))\n    for i, p in enumerate(a):\n        \
         now = [i + 1]\n        for j, q in enumerate(b):\n            \
         now.append(min(before[j] + (p != q), before[j + 1] + 1, now[j] + 1))\n        before = now\n    \
         return before[-1]",
        "lambda n: ('ab' * n, 'ba' * n)",
        "distance(*x)",
    ),
    case(
        "all shortest paths",
        "O(n³)",
        "",
        "lambda n: [[(i * 7 + j * 3) % 11 + 1 for j in range(n)] for i in range(n)]",
        "d = [row[:] for row in x]\nfor k in range(n):\n    for row in d:\n        through = row[k]\n        \
         for j in range(n):\n            if through + d[k][j] < row[j]:\n                row[j] = through + d[k][j]",
    ),
    case(
        "gray codes",
        "O(2ⁿ)",
        "def codes(n):\n    if n == 0:\n        return ['']\n    rest = codes(n - 1)\n    \
         return ['0' + code for code in rest] + ['1' + code for code in reversed(rest)]",
        "",
        "codes(n)",
    ),
];
