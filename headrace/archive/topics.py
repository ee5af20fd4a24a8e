"""Of which topic a log is: files from a topic have its name in their footers.

It promises that nobody goes on in a topic at the offsets of another. A file that was loaded has no topic; a replay of the log alone asks
nothing of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.errors import UserError, quoted

if TYPE_CHECKING:
    from headrace.archive.log import FileLog


class OtherTopic(UserError):
    """The archive of a source holds messages of another topic than the source has; its facts are `source`, `topic` and `archived`."""


def check_topic(log: FileLog, topic: str) -> None:
    """Raises `OtherTopic` where the log holds messages of another topic than this."""
    found = {file.facts.get("topic", topic) for file in log.files() if not file.loaded}
    others = sorted(found - {topic})
    if not others:
        return
    source, own = log.name, f"the archive {log.folder.uri} holds messages of the topic"
    if topic in found:
        text = f"{own} '{topic}' and of {quoted(others)}, with offsets of their own: move it away, and archive '{topic}' anew"
    else:
        do = f'give the source of another topic a name of its own, or set topic="{others[0]}" again'
        text = f"{own} {quoted(others)}, and source '{source}' has the topic '{topic}' now, where these offsets are other messages: {do}"
    raise OtherTopic(text, source=source, topic=topic, archived=others)
