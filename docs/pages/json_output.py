"""What commands print with `--json`, for the page of commands: the fields of each document. A test compares them with what is printed."""

from __future__ import annotations

OBJECT, ARRAY = "one object", "an array of objects"

LETTER = dict.fromkeys(["place", "topic", "file", "partition", "offset", "arrival", "reason", "column", "key", "value"], "")

DOCUMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "check": (OBJECT, {
        "ok": "", "sources": "", "groups": "", "features": "", "services": "how many there are",
        "problems": "each with its `text` and, where it is known, its `file`",
    }),
    "list": (OBJECT, {"sources": "", "groups": "", "features": "", "services": "an array each; of KIND alone where it was given"}),
    "load": (OBJECT, {
        "source": "", "rows": "in the log now", "dead": "rows that could not be taken",
        "raised": "rows that arrived before the log's end and count as arriving with it", "files": "names of the files that were written",
        "ignored": "pairs of a file that was loaded before and the reason", "dead_letters": "their file, or null",
    }),
    "show": (ARRAY, {"": "the columns of the source", "_partition": "", "_offset": "", "_arrival": "the row's place in the log"}),
    "preview": (ARRAY, {"": "the columns of the key, `time`, the features of the group"}),
    "trace": (OBJECT, {
        "group": "", "entity": "", "asked": "the instant", "windows_end": "where its windows end", "known": "", "events": "",
        "agrees": "whether the flow says the same",
        "features": "each with `value`, what the `flow` says, and `cells`: window, events, counts",
    }),
    "explain": (OBJECT, {
        "sources": "with what is stored of each, for which windows and features", "groups": "with their features, and bytes of state",
    }),
    "replay": (OBJECT, {
        "out": "the folder, or null", "rows": "written", "read": "events of the log", "seconds": "",
        "files": "each with name, rows and bytes", "counts": "by what: rows of a source, null and failed values of a feature",
        "complete_before": "true where nothing was left to do",
    }),
    "get": (ARRAY, {
        "entity": "", "known": "", "values": "", "asked": "", "step": "the instant of the step, or null", "arrival": "", "age_s": "",
        "events": "how many are in it; null with `--at`",
    }),
    "verify": (OBJECT, {
        "group": "", "store": "", "seed": "", "stored": "entities in the store", "entities": "of them compared",
        "not_archived": "chosen, and not compared", "begins_us": "when the archive begins, null where nothing is missing before",
        "cells": "", "equal": "", "close": "equal within 1e-9, not to the last bit",
        "share": "`equal` of `cells`; null where there are none", "differences": "each with entity, feature, both values and the place",
        "checkpoint": "the newest of the run, null where there is none to go by", "sampled": "entities of the log that were looked up",
        "behind": "each with entity, arrival and events of its step online, null where there is none, and of its newest event in the log",
        "not_looked_up": "why there is none to go by, or null",
    }),
    "dead-letters list": (ARRAY, LETTER),
    "dead-letters show": (OBJECT, LETTER),
    "dead-letters retry": (OBJECT, {
        "produced": "to their topic again", "rows": "of files that are in the log now", "dead": "of files that are not",
        "left": "not tried",
    }),
    "archive": (OBJECT, {
        "source": "", "topic": "", "messages": "read", "rows": "of them in the log", "dead": "with a letter; some are rows too",
        "tombstones": "without a value", "skipped": "loaded before", "files": "published", "removed": "too old", "seconds": "",
        "ended": "false where it was stopped",
    }),
    "run": ("one object", {
        "groups": "", "start": "how it would start", "unreadable": "why a checkpoint is not used, or null",
        "unfilled": "what a store lacks all the same, or null",
        "partitions": "each with source, partition, offset, low and high", "gaps": "each with source, partition, first and behind",
        "state": "bytes by key: of an entity, of an event", "stores": "name and URL",
    }),
}  # fmt: skip


def told(name: str) -> str:
    """The sentence on what a command prints; empty where it has no `--json`."""
    if name not in DOCUMENTS:
        return ""
    kind, fields = DOCUMENTS[name]
    words = [f"`{field}`" + (f" ({meaning})" if meaning else "") if field else meaning for field, meaning in fields.items()]
    flags = "`--dry-run --json`" if name == "run" else "`--json`"
    return f"{flags} prints {kind}: {', '.join(words)}."
