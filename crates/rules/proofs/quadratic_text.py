"""Where text grows by copying, and where it does not."""
from somewhere import next_row, render

REPORT = ""


def of_an_item(rows):
    page = {"text": ""}
    for row in rows:
        page["text"] += f"<td>{row}</td>"  # expect: PS103
    return page


class Log:
    def __init__(self):
        self.text = ""
        self.count = 0

    def add(self, rows):
        for row in rows:
            self.count += 1
            self.text += str(row)  # expect: PS103

    def add_and_look(self, rows):
        for row in rows:
            self.text += str(row)  # expect: PS103
            if len(self.text) > 100:
                return


def of_the_module(rows):
    global REPORT
    for row in rows:
        REPORT += "%s" % row  # expect: PS103


def shared(rows):
    text = ""

    def show():
        return text

    while rows:
        text += repr(rows.pop())  # expect: PS103
    return show


def of_bytes(rows):
    data = b""
    for row in rows:
        data += bytes(row)  # expect: PS103
    return data


def in_front(rows):
    text = ""
    for row in rows:
        text = str(row) + text  # expect: PS103
    return text


def local(rows):
    text = ""
    for row in rows:
        text += str(row)  # ok: grows in place
    return text


def begun_anew(rows):
    for row in rows:
        data = b""
        data += bytes(row)  # ok: new in each round


def another_each_time(rows, lines):
    for number, row in enumerate(rows):
        lines[number] += str(row)  # ok: another item each time


def numbers(rows, page):
    for row in rows:
        page.count += 1  # ok: a number


def unknown(rows, page):
    for row in rows:
        page.total += row.amount  # ok: may be a number


def once(page):
    page.text += "."  # ok: no loop


def of_the_row(rows):
    for row in rows:
        row.text += "."  # ok: another object each time
