"""Where a method is kept in a name before a loop, and where that is something else."""
from somewhere import call_later


def of_a_list(rows):
    out = []
    append = out.append  # expect: PS108
    for row in rows:
        append(row)
    return out


def of_a_set(rows):
    seen = set()
    add = seen.add  # expect: PS108
    return [row for row in rows if add(row) is None]


def given_away(rows):
    out = []
    append = out.append  # expect: PS108
    for row in rows:
        append(row)
    call_later(append)


def only_given_away(rows):
    out = []
    append = out.append
    call_later(append, rows)  # ok: no loop calls it


def of_a_global(rows):
    push = call_later.append
    for row in rows:
        push(row)  # ok: may be anything


def called_once(rows):
    out = []
    append = out.append
    append(rows)  # ok: no loop


def made_in_the_loop(rows):
    out = []
    for row in rows:
        append = out.append
        append(row)  # ok: looked up each time anyhow
