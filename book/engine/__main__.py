"""`python -m book.engine`: build the book, or say what is wrong with it and where."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

from . import execute, exercises, links, notebooks, rules, site, stage, syllabus
from .chapter import Source
from .faults import BookError, Fault, refuse
from .outputs import lenses
from .places import Places

#: Seconds beyond which a chapter is called slow.
SLOW = 60.0
FAILED = 1
#: Beside the executed chapters: how long executing and building them all has taken.
CLEAN = "clean.json"


def main() -> int:
    """Build the book; 0 if it is whole, 1 with one line for each fault if it is not."""
    parser = argparse.ArgumentParser(prog="python -m book.engine", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="chapters that run at once")
    parser.add_argument("--fresh", action="store_true", help="execute every chapter again")
    parser.add_argument("--book", type=Path, default=Places().book, help="the folder of the book")
    options = parser.parse_args()
    try:
        build(Places(options.book.resolve()), jobs=options.jobs, fresh=options.fresh)
    except BookError as error:
        print(error, file=sys.stderr)
        count = len(error.faults)
        print(f"the book is not built: {count} fault{'s' * (count > 1)}", file=sys.stderr)
        return FAILED
    return 0


def build(places: Places, *, jobs: int = 2, fresh: bool = False) -> None:
    """Check, execute, draw, render; nothing that is done already is done again."""
    start = time.monotonic()
    outline = syllabus.load(places)
    sources = {chapter.slug: Source.read(chapter.source) for chapter in outline.written}
    refuse(_lacking(outline, sources, places))
    known = {} if fresh else cached(sources, places)
    results = run(sources, places, known, jobs=jobs)
    refuse(_without_lens(sources, results))
    site.stills(results)
    digest = stage.prepare(places, outline, results)
    seal = places.build / "seal"
    if places.html.is_dir() and seal.is_file() and seal.read_text() == digest and not fresh:
        print(f"{places.html}: nothing has changed ({time.monotonic() - start:.1f} s)")
        return
    seal.unlink(missing_ok=True)
    made = site.render(places, results)
    notebooks.write(made / "notebooks", outline, places, results)
    refuse(links.faults(made, _texts(outline, places)))
    site.install(made, places.html)
    seal.write_text(digest)
    seconds = time.monotonic() - start
    if not known:
        measured = {"seconds": round(seconds, 1), "chapters": len(sources), "jobs": jobs}
        (places.cache / CLEAN).write_text(json.dumps(measured), "utf-8")
    print(f"{places.html}: built in {seconds:.1f} s")


def clean_build(places: Places) -> dict[str, float] | None:
    """What the last build took that executed every chapter: seconds, chapters, jobs."""
    with suppress(FileNotFoundError):
        measured: dict[str, float] = json.loads((places.cache / CLEAN).read_text("utf-8"))
        return measured
    return None


def _texts(outline: syllabus.Syllabus, places: Places) -> dict[str, Path]:
    """{file name of a page: what its author wrote}."""
    first, *others = [*outline.front, *outline.back]
    pages = {f"{name}.html": places.book / f"{name}.md" for name in others}
    pages["index.html"] = places.book / f"{first}.md"
    return pages | {f"{chapter.slug}.html": chapter.source for chapter in outline.written}


def cached(sources: dict[str, Source], places: Places) -> dict[str, Path]:
    """{slug: folder of its result} of the chapters that the cache knows."""
    found = {slug: execute.cached(source, places.cache) for slug, source in sources.items()}
    return {slug: folder for slug, folder in found.items() if folder is not None}


def run(
    sources: dict[str, Source], places: Places, known: dict[str, Path], *, jobs: int = 2
) -> dict[str, Path]:
    """Execute what is not known; {slug: folder of its result} of all."""
    missing = [slug for slug in sources if slug not in known]
    done = dict(known)
    faults: list[Fault] = []
    with ProcessPoolExecutor(max(1, min(jobs, len(missing) or 1))) as pool:
        waiting = {
            slug: pool.submit(execute.execute, sources[slug], places.cache) for slug in missing
        }
        for slug, promise in waiting.items():
            try:
                done[slug] = promise.result()
                print(f"executed {sources[slug].path.name}", flush=True)
            except BookError as error:
                faults += error.faults
    refuse(faults)
    return {slug: done[slug] for slug in sources}


def _lacking(
    outline: syllabus.Syllabus, sources: dict[str, Source], places: Places
) -> Iterator[Fault]:
    for chapter in outline.written:
        yield from rules.faults(sources[chapter.slug], chapter)
    yield from exercises.faults(outline, places, exercises.page_rules())


def _without_lens(sources: dict[str, Source], results: dict[str, Path]) -> list[Fault]:
    """Chapters that show no lens, or whose record is not there."""
    faults = []
    for slug, source in sources.items():
        shown = list(lenses(stage.result(results[slug])))
        dial = source.part("turn-the-dial")
        if not shown:
            faults.append(Fault(source.path, dial.line if dial else 1, "no cell shows a lens"))
        for lens in shown:
            if not (results[slug] / lens["record"] / "index.json").is_file():
                message = f"the record {lens['record']} is missing"
                faults.append(Fault(source.path, dial.line if dial else 1, message))
    return faults


if __name__ == "__main__":
    raise SystemExit(main())
