"""Prints the monthly sales report of a small web shop, and takes far too long over it.

It parses the orders, drops those that were sent twice, asks a rate service for exchange rates,
forecasts every region in a thread of its own and renders the report. Each step gives the right
result in a way that looks harmless and is not:

    python slow_report.py [ORDERS]
"""
from __future__ import annotations

import csv
import socket
import sys
import threading
import time
from typing import NamedTuple

CURRENCIES = "CHF CZK DKK EUR GBP HUF ISK NOK PLN RON SEK TRY UAH USD".split()
REGIONS = ["north", "south", "west"]
HEADER = ["id", "region", "currency", "amount"]
SMOOTHING = [step / 100 for step in range(1, 11)]


class Order(NamedTuple):
    id: str
    region: str
    currency: str
    amount: float


def rate_service(listener: socket.socket) -> None:
    """Stands in for a distant server: answers every question after 50 milliseconds."""
    connection, _ = listener.accept()
    with connection:
        while True:
            currency = connection.recv(3)
            if not currency:
                return
            time.sleep(0.05)
            connection.sendall(b"%8.4f" % (1 + sum(currency) % 97 / 10))


def order_lines(count: int) -> list[str]:
    """The shop's export: about every fourth order was sent twice."""
    lines = [",".join(HEADER)]
    for index in range(count):
        number = index * 7919 % (count * 3 // 4)
        currency = CURRENCIES[number % len(CURRENCIES)]
        lines.append(f"order-{number:07d},{REGIONS[number % 3]},{currency},{number % 9973 / 100}")
    return lines


def parse(lines: list[str]) -> list[Order]:
    return [
        Order(row["id"], row["region"], row["currency"], float(row["amount"]))
        for row in csv.DictReader(lines)
    ]


def drop_duplicates(orders: list[Order]) -> list[Order]:
    seen = []
    unique = []
    for order in orders:
        row_id = order.id
        if row_id not in seen:
            seen.append(row_id)
            unique.append(order)
    return unique


def fetch_rate(service: socket.socket, currency: str) -> float:
    service.sendall(currency.encode())
    return float(service.recv(8))


def fetch_rates(address: tuple[str, int]) -> dict[str, float]:
    with socket.create_connection(address) as service:
        return {currency: fetch_rate(service, currency) for currency in CURRENCIES}


def forecast(region: str, sales: list[dict], result: dict[str, float]) -> None:
    levels = []
    for factor in SMOOTHING:
        level = 0.0
        for sale in sales:
            if sale["region"] == region:
                level += (sale["total"] * (1 + sale["month"] / 100) - level) * factor
        levels.append(level)
    result[region] = sum(levels) / len(levels)


def forecast_regions(orders: list[Order], rates: dict[str, float]) -> dict[str, float]:
    sales = [
        {"region": order.region, "month": month, "total": order.amount * rates[order.currency]}
        for month in range(1, 13)
        for order in orders
    ]
    result: dict[str, float] = {}
    threads = [
        threading.Thread(target=forecast, args=(region, sales, result), name=f"forecast {region}")
        for region in REGIONS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return result


def render(orders: list[Order], rates: dict[str, float]) -> str:
    page = {"title": "Orders", "text": ""}
    for order in orders:
        total = order.amount * rates[order.currency]
        page["text"] += f"<tr><td>{order.id}</td><td>{order.region}</td><td>{total:.2f}</td></tr>\n"
    return "<h1>{title}</h1><table>{text}</table>".format(**page)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 19_000
    orders = drop_duplicates(parse(order_lines(count)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=rate_service, args=(listener,), name="rate service").start()
        rates = fetch_rates(listener.getsockname())
    outlook = forecast_regions(orders, rates)
    report = render(orders, rates)

    print(f"{len(orders)} of {count} orders, report of {len(report) / 1000:.0f} kB")
    for region in REGIONS:
        print(f"{region:<8}{outlook[region]:10.2f}")


if __name__ == "__main__":
    main()
