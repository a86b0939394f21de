"""A book of one chapter, small enough to be built in a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from book.engine.places import Places

REAL = Places()
SYLLABUS = """
front: [preface]
back: [glossary]
tracks:
  - id: half-day
    title: Half a day
    short: H
    audience: A workshop
    start: "13:30"
    plan:
      - {break: Welcome, minutes: 10}
      - {chapter: 3}
      - {chapter: 4}
parts:
  - title: Scale
    chapters:
      - number: 3
        slug: block-spins
        title: Block spins
        tracks: [half-day]
        dial: block size
        predict: Which one stays?
        objectives: [let blocks vote]
        needs: [mean and variance]
        minutes: {read: 30, workshop: 45}
        seconds: {gpu: null}
        exercises: ["3.1"]
      - number: 4
        slug: flows
        title: Flows
        tracks: [half-day]
        dial: the start
        predict: Which basin?
"""
CHAPTER = """---
kernelspec: {name: python3, display_name: Python 3}
---
# Block spins

What is left of a lattice when its blocks have voted?

## Predict

:::{predict} alike
Which lattice keeps its looks when its blocks of two by two spins vote again and again?

- the hot one
- the critical one
:::

## Turn the dial

```{code-cell} python
:label: lens-critical
:tags: [hide-input]
import rgwidgets as rg

flow = rg.Flow(rg.Ising(64, seed=1, device="cpu").sample(4, discard=20), rg.BlockSpin(2))
rg.Lens(flow, cutoff=2)
```

:::{figure} #lens-critical
:label: fig-critical
:alt: Spins in blocks that grow.
A lattice at {eval}`len(flow)` scales.
:::

:::{moment} 1
Here is every spin.
:::

:::{moment} 4
Here the small clusters are gone.
:::

:::{moment} 16
Here little is left of the lattice.
:::

## The idea

A {term}`block spin` is Kadanoff's {cite:p}`kadanoff1966`. Its value is

$$
S_I = \\operatorname{sign} \\sum_{i \\in I} s_i ,
$$ (eq-majority)

and [](#eq-majority) is all that the dial of [](#fig-critical) does[^1].

[^1]: Ties aside.

## Do it yourself

The vote takes one line, and what the line gives is what the library gives.

```{code-cell} python
assert flow[2].features["spins"].shape[-1] == 32
print("halved")
```

## Exercises

:::{exercise} Where the flow stands still
:label: exercise-3.1
At which coupling?
:::

:::{solution} exercise-3.1
Solve for it.
:::

:::{exercise} Odd blocks
:label: exercise-3.8
Why no coin?
:::

:::{solution} exercise-3.8
Nine is odd.
:::

:::{exercise} What survives
:label: exercise-3.9
Name one that does not.
:::

:::{solution} exercise-3.9
A bond inside a block.
:::

## Where this fails

:::{moment} 32
The certificate allows more than the whole range of the energy here.
:::

## For interpretability

A block spin is a feature: it stands for many variables and hides what they can still do.

## Further reading

The paper itself is short and still the best place to begin with, after all these years.

:::{tutor}
Ten minutes: the dial at 1 and 16.
:::
"""
PREFACE = "# A small book\n\nBegin with [block spins](chapters/03-block-spins.md).\n"
GLOSSARY = (
    "# Glossary\n\n:::{glossary}\nBlock spin\n: One spin that stands for a *block* of spins.\n:::\n"
)


def small_book(folder: Path, *, chapter: str = CHAPTER, syllabus: str = SYLLABUS) -> Places:
    """Write the small book into `folder`."""
    places = Places(folder / "book")
    places.chapters.mkdir(parents=True)
    places.syllabus.write_text(syllabus)
    (places.chapters / "03-block-spins.md").write_text(chapter)
    (places.book / "preface.md").write_text(PREFACE)
    (places.book / "glossary.md").write_text(GLOSSARY)
    for name in ("myst.yml", "references.bib"):
        shutil.copy(REAL.book / name, places.book)
    return places


def line_of(text: str, words: str) -> int:
    """The line that these words stand in, counted from 1."""
    return text[: text.index(words)].count("\n") + 1
