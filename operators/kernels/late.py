"""An event that comes late: its place in the ring is before others, and what stands on the ring is mended around it.

Promises the state that the event would have left in time, at a cost that grows with the events behind its place, not with the windows. What
cannot be mended (a window of rows or with a deque or decay of its own, one that begins at the event's place) is derived anew.
"""

from __future__ import annotations

from operators.kernels import tables as t
from operators.kernels.accumulate import move
from operators.kernels.blocks import base_of
from operators.kernels.deques import deque_at, deque_push, entries_of, head_at
from operators.kernels.windows import rebuild_window, window_at
from operators.machine.functions import outlined
from operators.machine.operations import fixed, half, set_half, word

UNTOUCHED, SHIFTED, ENTERED, ANEW = 0, 1, 2, 3


@outlined
def effect_on(x: int, w: int, r: int, seq: int) -> int:
    """What an event that is put in at `seq` means for a window whose bounds are those before it."""
    tail = half(r, 2 * fixed(w, t.W_OFF))
    end = half(r, 2 * fixed(w, t.W_OFF) + 1)
    if end <= seq:
        return UNTOUCHED
    if tail == seq or fixed(w, t.W_ROWS) >= 0 or fixed(w, t.W_D0) < fixed(w, t.W_D1):
        return ANEW
    accs = fixed(x, t.X_ACCS)
    for index in range(fixed(w, t.W_A0), fixed(w, t.W_A1)):
        if fixed(accs + 8 * t.A_COLS * index, t.A_KIND) == t.A_DECAY:
            return ANEW
    return SHIFTED if tail > seq else ENTERED


@outlined
def enter_late(x: int, k: int, r: int, base: int, mask: int, step: int, seq: int, slot: int) -> None:
    """Add the event in `slot` to the accumulators of the windows that hold its place `seq`; the ring is still as it was."""
    for i in range(fixed(k, t.T_W0), fixed(k, t.T_W1)):
        w = window_at(x, fixed(fixed(x, t.X_BY_TRACK), i))
        if effect_on(x, w, r, seq) == ENTERED:
            tail = half(r, 2 * fixed(w, t.W_OFF))
            end = half(r, 2 * fixed(w, t.W_OFF) + 1)
            move(x, w, k, r, base, mask, step, tail, tail, end, slot)


@outlined
def cut_deques(x: int, k: int, r: int, seq: int) -> None:
    """Take the entries from `seq` on from the deques of the track."""
    for i in range(fixed(k, t.T_D0), fixed(k, t.T_D1)):
        d = deque_at(x, i)
        off = fixed(d, t.D_OFF)
        block = word(r, off)
        if block >= 0:
            begin = half(r, 2 * off + 2)
            end = half(r, 2 * off + 3)
            entries = base_of(x, block)
            while end > begin and half(entries, (end - 1) & (entries_of(block) - 1)) >= seq:
                end -= 1
            set_half(r, 2 * off + 3, end)
            for h in range(fixed(d, t.D_H0), fixed(d, t.D_H1)):
                at = head_at(x, h)
                if half(r, at) > end:
                    set_half(r, at, end)


@outlined
def mend(x: int, k: int, r: int, base: int, mask: int, step: int, seq: int) -> None:
    """Bring windows and deques to the ring that has the event at `seq`."""
    for i in range(fixed(k, t.T_W0), fixed(k, t.T_W1)):
        w = window_at(x, fixed(fixed(x, t.X_BY_TRACK), i))
        effect = effect_on(x, w, r, seq)
        at = 2 * fixed(w, t.W_OFF)
        if effect == ANEW:
            rebuild_window(x, w, k, r, base, mask, step)
        elif effect != UNTOUCHED:
            set_half(r, at + 1, half(r, at + 1) + 1)
            if effect == SHIFTED:
                set_half(r, at, half(r, at) + 1)
    head = half(r, 2 * fixed(k, t.T_OFF) + 3)
    for i in range(fixed(k, t.T_D0), fixed(k, t.T_D1)):
        d = deque_at(x, i)
        if fixed(x, t.X_MODE) == t.PROBES:
            done = 2 * fixed(d, t.D_OFF) + 4
            set_half(r, done, min(half(r, done), seq))
        else:
            for back in range(seq, head):
                deque_push(x, d, k, r, base, mask, step, back)
