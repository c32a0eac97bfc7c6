import copy


def setup(n):
    return [{"id": number, "tags": ["a", "b", "c"], "sizes": [1, 2, 3]} for number in range(n)]


def slow(data):
    return [copy.deepcopy(record) for record in data]


def fast(data):
    return [
        {"id": record["id"], "tags": list(record["tags"]), "sizes": list(record["sizes"])}
        for record in data
    ]
