"""The sample of a new repository: three days of clicks in a small shop, and questions about them.

It promises the same bytes on every machine. The numbers are invented: buyers come in sessions, look at items, and buy some of what they
have looked at, more often what is cheap and what they came back to.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_BEGINS = datetime(2024, 3, 1, tzinfo=UTC)
_DAYS = 3
_SESSIONS = 420
_BUYERS = 60
_PRICES = {"tea": 4.5, "coffee": 7.9, "cup": 12.0, "pot": 29.0, "kettle": 45.0, "grinder": 59.9, "scale": 24.5, "filter": 3.2}


@dataclass(frozen=True, slots=True)
class _Click:
    time: datetime
    buyer_id: int
    item: str
    action: str

    @property
    def price(self) -> float:
        return _PRICES[self.item]


def clicks_csv() -> str:
    """The events, by time: event_id, buyer_id, item, action (view, cart, buy), price, time."""
    lines = ["event_id,buyer_id,item,action,price,time"]
    lines += [
        f"e{number:05d},{click.buyer_id},{click.item},{click.action},{click.price},{_text(click.time)}"
        for number, click in enumerate(_clicks())
    ]
    return "\n".join([*lines, ""])


def questions_csv() -> str:
    """A spine: would this buyer buy this item within an hour, asked a moment after it was looked at; and the answer."""
    clicks = _clicks()
    buys = {(click.buyer_id, click.item, click.time) for click in clicks if click.action == "buy"}
    chosen = random.Random(11)
    lines = ["buyer_id,item,asked,bought"]
    for click in clicks:
        if click.action == "view" and chosen.random() < 0.3:
            asked = click.time + timedelta(seconds=1)
            bought = any((b, i) == (click.buyer_id, click.item) and asked < t <= asked + timedelta(hours=1) for b, i, t in buys)
            lines.append(f"{click.buyer_id},{click.item},{_text(asked)},{str(bought).lower()}")
    return "\n".join([*lines, ""])


def _clicks() -> list[_Click]:
    draw = random.Random(7)
    names = list(_PRICES)
    found: list[_Click] = []
    for _ in range(_SESSIONS):
        buyer = 1 + int(_BUYERS * draw.random() ** 2)   # some come often
        hour = 8 + 13 * draw.random()
        time = _BEGINS + timedelta(days=int(_DAYS * draw.random()), seconds=int(hour * 3600))
        liked = names[(buyer * 3) % len(names)]
        for _ in range(1 + int(6 * draw.random())):
            item = liked if draw.random() < 0.4 else names[int(len(names) * draw.random())]
            found.append(_Click(time, buyer, item, "view"))
            time += timedelta(seconds=5 + int(90 * draw.random()))
            if draw.random() < (0.5 if item == liked else 0.15):
                found.append(_Click(time, buyer, item, "cart"))
                time += timedelta(seconds=5 + int(60 * draw.random()))
                if draw.random() < 0.9 - _PRICES[item] / 100:
                    found.append(_Click(time, buyer, item, "buy"))
                    time += timedelta(seconds=5 + int(60 * draw.random()))
    return sorted(found, key=lambda click: (click.time, click.buyer_id))


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
