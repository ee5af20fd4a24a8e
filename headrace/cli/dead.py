"""The commands `dead-letters list`, `show` and `retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from headrace.cli.options import Context, Environment, Folder, Json, argument, open_repository, option

if TYPE_CHECKING:
    from headrace.archive.letters import Letter

Source = Annotated[str, argument("SOURCE", help="The source's name.")]
Reason = Annotated[str | None, option("--reason", metavar="TEXT", help="Only those whose reason contains this.")]
Count = Annotated[int, option("-n", metavar="N", help="How many (20).", min=1)]


def list_(
    context: Context,
    source: Source,
    n: Count = 20,
    reason: Reason = None,
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """The dead letters of a source that were not tried again.

    Example:
      headrace dead-letters list clicks
      headrace dead-letters list clicks --reason "too late" -n 100 --json
    """
    from headrace.cli.output import plural, print_json, print_rows, say
    from headrace.lettering import dead_letters

    letters = dead_letters(open_repository(context, repo, env), source, reason)
    if as_json:
        print_json([_told(letter) for letter in letters[:n]])
        return
    if not letters:
        say(f"there are no dead letters of '{source}'" + (f" with '{reason}' in their reason" if reason else ""))
        return
    print_rows(["place", "arrived", "reason", "value"], [_row(letter) for letter in letters[:n]], fit="cut")
    if len(letters) > n:
        say(f"{plural(len(letters) - n, 'more dead letter')}; -n says how many are shown")


def show(
    context: Context,
    source: Source,
    place: Annotated[str, argument("PARTITION/OFFSET", help="As list shows it; FILE/ROW of a loaded file.")],
    repo: Folder = None,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """One dead letter, whole.

    Example:
      headrace dead-letters show clicks 3/1200
    """
    from headrace.cli.output import print_json
    from headrace.lettering import find_letter

    told = _told(find_letter(open_repository(context, repo, env), source, place))
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        if value is not None:
            print(f"{name}: {value}")


def retry(
    context: Context, source: Source, reason: Reason = None, repo: Folder = None, env: Environment = None, as_json: Json = False
) -> None:
    """Try dead letters again, after what was wrong is mended: bytes go to their topic again, records of files are loaded.

    Messages that are in the log already (too late, without event time, too far ahead) are left out unless --reason names them.

    Example:
      headrace dead-letters retry clicks
      headrace dead-letters retry clicks --reason "no int64"
    """
    from headrace.cli.output import plural, print_json, say
    from headrace.lettering import retry as try_again

    done = try_again(open_repository(context, repo, env), source, reason)
    if as_json:
        print_json({name: getattr(done, name) for name in done.__dataclass_fields__})
        return
    if done.produced:
        print(f"{plural(done.produced, 'message')} produced to the topic again, with new offsets")
    if done.rows or done.dead:
        print(f"{plural(done.rows, 'row')} of files loaded, {plural(done.dead, 'row')} dead as before")
    if done.left:
        print(f"{plural(done.left, 'letter')} left: their messages are in the log; --reason tries them again all the same")
    if not (done.produced or done.rows or done.dead or done.left):
        say(f"there are no dead letters of '{source}' to try again" + (f" with '{reason}' in their reason" if reason else ""))


def _row(letter: Letter) -> list[str]:
    from headrace.times import format_time

    value = "null" if letter.value is None else letter.value.decode("utf-8", "backslashreplace")
    return [letter.place, "" if letter.arrival_us is None else format_time(letter.arrival_us), letter.reason, value]


def _told(letter: Letter) -> dict[str, Any]:
    """A letter as JSON; bytes that are no text with escapes."""
    from headrace.times import format_time

    return {
        "place": letter.place,
        "topic": letter.topic,
        "file": letter.file,
        "partition": letter.partition if letter.file is None else None,
        "offset": letter.offset,
        "arrival": None if letter.arrival_us is None else format_time(letter.arrival_us),
        "reason": letter.reason,
        "column": letter.column,
        "key": None if letter.key is None else letter.key.decode("utf-8", "backslashreplace"),
        "value": None if letter.value is None else letter.value.decode("utf-8", "backslashreplace"),
    }


COMMANDS = (
    (list_, "Those that were not tried again."),
    (show, "One of them, whole."),
    (retry, "Try them again."),
)
