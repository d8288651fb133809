"""Says what is wrong with the documents: ``python -m docs.check``, part of ``make check``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Final

from quart import Quart

from docs.cli import reference
from docs.generate import generated
from docs.pages import ROOT, Pages, anchors, blocks, headings, links
from docs.reference.environment import setting_names
from llmrouter.cli import COMMANDS
from llmrouter.web import endpoints
from llmrouter.web.app import BLUEPRINTS

ENGLISH, FRENCH, API = "README.md", "README.fr.md", "docs/api.md"
MOST_NOT_RUN: Final = 3
"""Blocks of the README that no test executes; each says why."""

METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
_COMMENT: Final = re.compile(r"\s*(?:(?<=\s)|^)(?:#|//) .*$", re.MULTILINE)
_PROMPT: Final = re.compile(r'("?content"?: )"[^"]*"|(explain )"[^"]*"')
_ENDPOINT: Final = re.compile(r"`([A-Z]+) (/[^`\s]*)`")
_VARIABLE: Final = re.compile(r"\bLLMROUTER_[A-Z_]*[A-Z]\b")
_COMMAND: Final = re.compile(r"(?:^|[`;&|\s])llmrouter ([a-z]+)", re.MULTILINE)
_INLINE_CODE: Final = re.compile(r"`[^`\n]+`")
# Built from pieces, so that this file holds none of them.
_MACHINE_PATH: Final = re.compile(
    r"(?<![\w.~])/(?:"
    + "|".join(("home/" + r"(?!(?:u|user|ada)\b)\w", "Users/" + r"\w", "root/", "work" + "/"))
    + ")"
)
_REGISTRIES: Final = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    )
)

Faults = Iterator[str]


def stale_parts(pages: Pages) -> Faults:
    """Generated parts that are not what the code says now."""
    for name in pages.documents():
        text = pages.read(name)
        if generated(text) != text:
            yield f"{name}: a generated part is stale; run `python -m docs.generate`"


def stale_command_line(pages: Pages) -> Faults:
    """The command line's reference, when it is not what the commands say now."""
    if pages.read("docs/cli.md").rstrip() != reference().rstrip():
        yield "docs/cli.md: is stale; run `python -m docs.cli > docs/cli.md`"


def broken_links(pages: Pages) -> Faults:
    """Relative links to a file or a heading that is not there."""
    for name in pages.documents():
        text = pages.read(name)
        for link in links(text):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = pages.root / (name.parent / path if path else name)
            if not target.exists():
                yield f"{name}: the link to {link} leads nowhere"
            elif anchor and anchor not in anchors(target.read_text("utf-8")):
                yield f"{name}: the link to {link} leads to no heading"


def different_guides(pages: Pages) -> Faults:
    """Where the French guide is not built like the English one."""
    english, french = pages.read(ENGLISH), pages.read(FRENCH)
    depths = [[depth for depth, _ in headings(text)] for text in (english, french)]
    if depths[0] != depths[1]:
        yield f"{FRENCH}: has not the same headings as {ENGLISH}"
    pairs = list(zip(blocks(english), blocks(french), strict=False))
    for ours, theirs in pairs:
        if (ours.language, bare(ours.text)) != (theirs.language, bare(theirs.text)):
            yield f"{FRENCH}:{theirs.line}: is not the block of {ENGLISH}:{ours.line}"
    if len(blocks(english)) != len(blocks(french)):
        yield f"{FRENCH}: has not as many blocks of code as {ENGLISH}"
    if sorted(_targets(english)) != sorted(_targets(french)):
        yield f"{FRENCH}: has not the same links as {ENGLISH}"


def bare(code: str) -> str:
    """A block without what may be said in another language: comments and prompts."""
    return _PROMPT.sub(r"\1\2", _COMMENT.sub("", code))


def _targets(text: str) -> list[str]:
    """Links, but for those from one guide to the other and to headings, which are translated."""
    return [link for link in links(text) if not link.startswith(("README", "#"))]


def too_many_not_run(pages: Pages) -> Faults:
    """Blocks of the README that are excused from being executed without need."""
    excused = [block for block in blocks(pages.read(ENGLISH)) if block.not_run is not None]
    if len(excused) > MOST_NOT_RUN:
        yield f"{ENGLISH}: {len(excused)} blocks are not run; at most {MOST_NOT_RUN} may be"


def unknown_variables(pages: Pages) -> Faults:
    """Variables of ours that are read and not documented, or documented and not read."""
    known = set(setting_names())
    reference = pages.read("docs/configuration.md")
    for variable in sorted(known):
        if f"`{variable}`" not in reference:
            yield f"docs/configuration.md: {variable} is not documented"
    sources = (f for f in pages.files() if f.parts[0] == "llmrouter" and f.suffix == ".py")
    for file in (*pages.documents(), *sources):
        for variable in sorted(set(_VARIABLE.findall(pages.read(file))) - known):
            yield f"{file}: there is no setting {variable}"


def unknown_endpoints(pages: Pages) -> Faults:
    """Endpoints that are served and not documented, or documented and not served."""
    named = {
        (method, endpoints.plain_path(path))
        for depth, title in headings(pages.read(API))
        for method, path in _ENDPOINT.findall(title)
        if depth > 2
    }
    served = set(_served())
    for method, path in sorted(served - named):
        yield f"{API}: {method} {path} is not documented"
    for method, path in sorted(named - served):
        found = endpoints.find_endpoint(path.replace("{", "").replace("}", ""))
        if method != "POST" or found is None:
            yield f"{API}: {method} {path} is documented and not served"


def _served() -> Iterator[tuple[str, str]]:
    app = Quart("docs", static_folder=None)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        yield from ((method, path) for method in (rule.methods or set()) & METHODS)
    # The chat endpoints are answered before Quart; nothing else needs to list them.
    yield from (("POST", path) for path in endpoints.FIXED_PATHS)


def unknown_commands(pages: Pages) -> Faults:
    """Commands that are not in the README, and commands in a document that do not exist."""
    for name in (ENGLISH, FRENCH):
        for command in COMMANDS:
            if f"`llmrouter {command}" not in pages.read(name):
                yield f"{name}: the command `llmrouter {command}` is not documented"
    for file in pages.documents():
        text = pages.read(file)
        shell = [block.text for block in blocks(text) if block.language == "sh"]
        typed = "\n".join([*shell, *_INLINE_CODE.findall(text)])
        for command in sorted(set(_COMMAND.findall(typed)) - COMMANDS.keys()):
            yield f"{file}: there is no command `llmrouter {command}`"


def traces_of_machines(pages: Pages) -> Faults:
    """Absolute paths of somebody's machine, and hosts of package registries."""
    for name in pages.files():
        try:
            text = pages.read(name)
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if found := _MACHINE_PATH.search(line):
                yield f"{name}:{number}: {found[0]}… is a path of one machine"
            for host in _REGISTRIES:
                if host in line:
                    yield f"{name}:{number}: {host} is a package registry"


CHECKS: Final[tuple[Callable[[Pages], Faults], ...]] = (
    stale_parts,
    stale_command_line,
    broken_links,
    different_guides,
    too_many_not_run,
    unknown_variables,
    unknown_endpoints,
    unknown_commands,
    traces_of_machines,
)


def faults_in(pages: Pages) -> list[str]:
    """Everything that is wrong, each with its file."""
    return [fault for check in CHECKS for fault in check(pages)]


def main() -> None:
    """Prints every fault; the exit status is 1 when there is one."""
    faults = faults_in(Pages(ROOT))
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
