"""A lens on a system that runs: start, pause, step, and parameters to turn while it does."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Protocol

import torch

from ..compute.device import describe
from ..core.bounds import Influence
from ..core.errors import ParameterError, choose
from ..core.estimate import Estimate, estimate
from ..core.flow import Flow
from ..core.level import Level, picture
from ..core.numeric import whole
from ..core.progress import tick
from ..core.scheme import Scheme
from ..core.theory import Theory
from . import wire
from .lens import Lens
from .stream import Backpressure


class Simulation(Protocol):
    """A system that moves by steps."""

    def step(self, n: int) -> object:
        """Advance by n sweeps."""

    def theory(self) -> Theory:
        """The configuration as it is now."""


@dataclass(frozen=True)
class Control:
    """One slider: an attribute of the system, with its range and unit.

    Raises `ParameterError` from `checked` for a value outside the range.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    step: float

    def to_json(self, value: float) -> dict[str, Any]:
        """As the drawing library reads it."""
        return {
            "name": self.name,
            "label": self.label,
            "unit": self.unit,
            "min": self.low,
            "max": self.high,
            "step": self.step,
            "value": value,
        }

    def checked(self, value: object) -> float:
        """The value if it is a number in range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ParameterError(self.label, given=value, allowed="a number")
        if not self.low <= value <= self.high:
            allowed = f"{self.low:g} to {self.high:g} {self.unit}".strip()
            raise ParameterError(self.label, given=value, allowed=allowed)
        return float(value)


class LiveLens(Lens):
    """A lens that streams a simulation through a scheme.

    While it streams, the shown scale of each new configuration is drawn and the observables of
    every scale gather statistics. When it pauses, the configuration on the screen becomes a flow
    with all its bounds.

    Subclasses give `_sliders` and `_read`, `_write` if a slider is more than an attribute.
    """

    _sweeps_per_frame: int = 1
    #: Seconds between two looks at the observables while streaming.
    _look: float = 1.0

    def __init__(self, system: Simulation, scheme: Scheme, **arguments: Any) -> None:
        self.system, self.scheme = system, scheme
        self._pace = Backpressure()
        self._streaming = False
        self._wanted: dict[str, float] = {}
        self._history: dict[tuple[int, str], list[torch.Tensor]] = {}
        self._looked = 0.0
        self._gathering: Iterator[Level] = iter(())
        super().__init__(Flow(self._still(), scheme), **arguments)

    @abstractmethod
    def _sliders(self) -> Sequence[Control]:
        """What can be turned while it runs."""

    def _theory(self) -> Theory:
        """The configuration as it is now, with the observables that the lens shows."""
        return self.system.theory()

    def _still(self) -> Theory:
        """What is measured while nothing moves; a lens may gather several configurations."""
        return self._theory()

    def _turned(self) -> None:
        """Called when a parameter has changed."""

    @property
    def streaming(self) -> bool:
        """Whether the simulation runs."""
        return self._streaming

    def _controls(self) -> list[dict[str, Any]]:
        return [c.to_json(float(getattr(self.system, c.name))) for c in self._sliders()]

    def _actions(self) -> list[str]:
        return ["start", "pause", "step"]

    # -- what the user does ----------------------------------------------------------------------

    def start(self) -> None:
        """Let the simulation run until `pause`."""
        if not self._streaming:
            self._streaming = True
            self._pace.reset()
            self._say(state="streaming", message="", mend="", progress=None, label="")
            self._looked, self._gathering = monotonic(), iter(())
            self._runner.submit(partial(_stream, self._seen), self._halt)

    def pause(self) -> None:
        """Stop at the configuration on the screen and bound what each scale neglects."""
        if self._streaming:
            self._streaming = False
            self._runner.submit(lambda: None, self._halt)

    def step(self, sweeps: int = 1) -> None:
        """Advance by `sweeps` and stop."""
        whole("sweeps", sweeps, 1)
        self._streaming = False
        self._runner.submit(partial(_advance, self._seen, sweeps), self._halt)

    def set(self, name: str, value: float) -> None:
        """Turn a parameter of the system (a slider's name) while it runs or stands still."""
        controls = {c.name: c for c in self._sliders()}
        choose("control", name, controls)
        self._wanted[name] = controls[name].checked(value)
        if not self._streaming:
            self._turn()
            self.setup = self._setup()

    def _on_action(self, content: Mapping[str, Any]) -> None:
        name = str(content.get("name"))
        if name in ("start", "pause", "step"):
            getattr(self, name)()
        elif name == "cancel" and self._streaming:
            self.pause()
        else:
            super()._on_action(content)

    def _on_set(self, content: Mapping[str, Any]) -> None:
        self.set(str(content.get("name")), content.get("value"))  # type: ignore[arg-type]

    def _on_ack(self, content: Mapping[str, Any]) -> None:
        self._pace.drawn(int(content.get("seq", 0)))

    def _on_want(self, content: Mapping[str, Any]) -> None:
        if not self._streaming:  # the next frame shows it anyway
            super()._on_want(content)

    # -- the worker ------------------------------------------------------------------------------

    def _turn(self) -> None:
        for name, value in list(self._wanted.items()):
            self._wanted.pop(name, None)
            if value != getattr(self.system, name):
                setattr(self.system, name, value)
                self._history.clear()
                self._turned()

    def _progress(self, fraction: float | None, label: str) -> None:
        if not self._streaming:  # a stream has no end to come nearer to
            super()._progress(fraction, label)

    def _frame(self) -> None:
        """Step, draw, look."""
        sequence = self._pace.next(timeout=5.0)
        if sequence is None:  # a hidden page draws nothing, a reloaded one forgot what it owes
            self._pace.reset()
            return
        if self._wanted:  # means of two temperatures are means of neither
            self._gathering = iter(())
        self._turn()
        self.system.step(self._sweeps_per_frame)
        flow = Flow(self._theory(), self.scheme)
        self._send_frame(sequence, flow)
        if next(self._gathering, None) is None and monotonic() - self._looked > self._look:
            self._looked, self._gathering = monotonic(), self._gather(flow)

    def _send_frame(self, sequence: int, flow: Flow) -> None:
        index = self.preview_index
        field = picture(flow[flow.scale.cutoffs[index]])
        if field is None:
            return
        header, content = wire.encode_picture(index, field)
        frame = {
            "kind": "frame",
            "generation": self._asked,
            "seq": sequence,
            "configuration": -sequence,
            "ack": self._pace.asks(sequence),
            "level": header,
        }
        self.send(frame, buffers=[content])

    def _gather(self, flow: Flow) -> Iterator[Level]:
        """Add this configuration to the running means, one scale a frame, and show them."""
        levels: list[Level] = []
        for index, cutoff in enumerate(flow.scale.cutoffs):
            effective = flow[cutoff]
            values: dict[str, Estimate] = {}
            for o in effective.observables:
                series = self._history.setdefault((index, o.name), [])
                series.append(o.samples(effective.features))
                stacked = torch.stack(series[-2000:], 1).flatten(0, 1)
                values[o.name] = estimate(stacked, chains=len(series[0]), reduce=o.reduce)
            reason = Influence.nothing("pause, and this configuration is bounded")
            levels.append(Level(cutoff, values, dict.fromkeys(values, reason)))
            yield levels[-1]
        self.table = wire.table(flow, levels)
        self._say(state="streaming", throughput=self._throughput())

    def _device(self) -> str:
        """Where the simulation runs, as the lens shows it."""
        where = getattr(self.system, "device", None)
        return super()._device() if where is None else str(describe(where)["name"])

    def _throughput(self) -> str:
        rate = getattr(self.system, "throughput", None)
        known = rate is not None and math.isfinite(rate)
        flips = f" · {rate:.2f} flips/ns" if known else ""
        return f"{self._pace.frames_per_second:.0f} frames/s{flips}"

    def _halt(self, _: object) -> None:
        self._streaming = False
        self._show(Flow(self._still(), self.scheme))

    def _fail(self, error: Exception) -> None:
        self._streaming = False
        super()._fail(error)

    def close(self) -> None:
        """Stop the simulation and the lens."""
        self._streaming = False
        super().close()


def _advance(seen: Callable[[], LiveLens], sweeps: int) -> None:
    seen()._turn()
    seen().system.step(sweeps)


def _stream(seen: Callable[[], LiveLens]) -> None:
    """Frame after frame, until paused."""
    while seen()._streaming:
        seen()._frame()
        if seen()._streaming:
            tick()
