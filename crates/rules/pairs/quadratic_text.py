class Page:
    text = ""


def setup(n):
    return ["12345678901234567890"] * n


def slow(data):
    page = Page()
    page.text = ""
    for piece in data:
        page.text += str(piece)
    return page.text


def fast(data):
    page = Page()
    page.text = ""
    parts = []
    for piece in data:
        parts.append(str(piece))
    page.text += "".join(parts)
    return page.text
