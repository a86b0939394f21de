"""A report says what was measured, what is proved and what is unknown, and nothing else."""

import json
import re

import pytest
import torch
from torch import nn

from rgwidgets import Microscope
from rgwidgets.core.bounds import Bound
from rgwidgets.core.errors import CutoffError, ParameterError, StorageError
from rgwidgets.microscope import View, page
from rgwidgets.microscope.sections import written
from rgwidgets.systems.networks.observables import logit_difference

pytestmark = pytest.mark.slow


def network(*, tokens=False):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if tokens:
            return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Flatten(), nn.Linear(24, 2))
        return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


@pytest.fixture
def data():
    return torch.randn(80, 5, generator=torch.Generator().manual_seed(1))


FIRST = logit_difference(0, 1, name="first")


def looked(data, features="activation", *, observable=FIRST, budget=0.05):
    return Microscope(network(), "1").fit(
        data, {"first": observable}, {"first": budget} if budget else None, features=features
    )


def section(report, title):
    (found,) = [s for s in report.sections if s.title.startswith(title)]
    return found


def test_the_headline_holds_average_attack_and_certificate_together(data):
    view = looked(data)
    report = view.report(2)
    influence = view.level(2).influences["first"]
    for bound in (influence.average, influence.attack):
        assert written(bound) in report.headline
    assert f"none by more than {influence.certificate.value:.3g}, proved" in report.headline
    assert f"{influence.attack.over(0.05)} over 0.05" in report.headline
    assert report.headline.index("in the mean") < report.headline.index("Under attack one input")
    assert str(report) == f"{report.title}\n{report.headline}"


def test_without_a_cutoff_it_is_about_where_an_average_would_cut(data):
    view = looked(data)
    assert view.report().cutoff == view.cutoff(by="average")
    unbounded = looked(data, budget=None)
    assert unbounded.report().cutoff == unbounded.scale.cutoffs[len(unbounded.scale) // 2]


def test_what_is_not_proved_is_said_to_be_unknown(data):
    view = looked(data, observable=lambda outputs: torch.linalg.svdvals(outputs[:, None])[:, 0])
    report = view.report(2)
    reason = view.level(2).influences["first"].certificate.how
    assert "certificate: none" in report.headline
    assert any("no certificate" in line and reason in line for line in report.caveats)
    told = report.to_dict()["bounds"]["first"]
    assert (told["certificate"]["value"], told["certificate"]["kind"]) == (None, "none")
    assert told["attack"]["value"] == told["attack"]["largest"] > told["attack"]["mean"]


def test_every_coarsest_cutoff_is_the_flows_own(data):
    view = looked(data)
    (row,) = section(view.report(3), "How far").rows
    assert row[0] == "first"
    assert row[2] == f"{view.crossovers()['first']:g}"
    for cell, by in zip(row[3:6], ("average", "attack", "certificate"), strict=True):
        assert float(cell.removesuffix(", nothing cut")) == view.cutoff(by=by)
    assert row[6] == "none"  # 40 inputs never show that 99 % of others are within
    assert row[7] == "none"


def test_a_share_of_new_inputs_is_promised_by_those_held_out():
    data = torch.randn(240, 5, generator=torch.Generator().manual_seed(1))
    view = looked(data)
    assert "120 inputs choose what is cut, 120 others" in view.theory.attrs["held_out"]
    kept = view.cutoff(by="certificate", share=0.05)
    assert section(view.report(3), "How far").rows[0][7] == f"{kept:g}"
    over = view.level(kept).influences["first"].certificate.over(0.05)
    assert over.upper() <= 0.05
    row = next(r for r in section(view.report(3), "Of whom").rows if r[1] == "attack")
    assert row[6] == str(view.level(3).influences["first"].attack.over(0.05))
    assert any("held" in line or "others put it" in line for line in view.report(3).method)


def test_a_layer_without_positions_says_why_locality_is_not_measured(data):
    found = section(looked(data).report(3), "Locality")
    assert "Not measured" in found.note
    assert "positions" in found.note
    assert not found.rows


def test_a_layer_with_positions_has_its_reach_before_and_after(data):
    sequence = torch.randn(60, 4, 3, generator=torch.Generator().manual_seed(2))
    size = {"size": lambda outputs: outputs.square().sum(1)}
    view = Microscope(network(tokens=True), "1").fit(sequence, size, {"size": 0.1})
    (row,) = section(view.report(3), "Locality").rows
    found = view.locality(3, "size")
    assert row[1:3] == (str(found.before), str(found.after))


def test_families_side_by_side_get_a_second_lens_and_the_best_is_named(data):
    view, own = looked(data), looked(data, "gradient")
    report = view.report(2, against={"own": own}, label="PCA")
    assert list(report.flows) == ["The dial", "Side by side"]
    note = section(report, "Side by side").note
    attacks = {
        "PCA": view.level(2).influences["first"].attack.value,
        "own": own.level(2).influences["first"].attack.value,
    }
    best, worst = sorted(attacks, key=attacks.get)
    assert f"least with {best}" in note
    assert f"{attacks[best] / attacks[worst]:.2g} of {worst}'s" in note


def test_the_page_stands_on_its_own_and_holds_every_number(data, tmp_path):
    report = looked(data).report(3, against={"own": looked(data, "gradient")})
    target = report.save(tmp_path / "page.html")
    text = target.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", text)
    parts = json.loads(re.search(r'id="parts">(.*?)</script>', text, re.S)[1])
    assert [record["cutoff"] for record in parts["records"]] == [5, 5]
    body = text.split('<script type="application/json"')[0]
    for influence in report.influences.values():
        assert written(influence.attack) in body
    assert body.count('id="lens-') == 2


def test_words_of_ones_own_are_no_markup(data):
    net = network()
    view = Microscope(net, "1").fit(
        data, {"<b>first": lambda outputs: outputs[:, 0]}, name="<script>alert(1)</script>"
    )
    text = page.page(view.report(4))
    assert "<script>alert" not in text
    assert "<b>first" not in text


def test_bad_cutoffs_and_full_disks_leave_nothing(data, tmp_path):
    view = looked(data)
    with pytest.raises(CutoffError):
        view.report(99)
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(StorageError, match="nothing was changed"):
        view.report(4).save(blocked / "page.html")
    assert blocked.read_text() == "x"


def test_a_view_of_weights_is_reported_with_what_it_has(data):
    view = Microscope(network(), "0").fit(data, {"first": FIRST}, features="kernel")
    assert isinstance(view, View)
    report = view.report()
    assert report.influences["first"].average
    assert len(report.sections) == 8
    assert not any("nothing is said of others" in line for line in report.caveats)


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (Bound(0.0089213, "measured", error=0.0003), "0.0089 ± 0.0003"),
        (Bound(1.6, "proved"), "1.6"),
        (Bound(0.494092886, "measured", error=3e-9), "0.494"),
        (Bound.none("no"), "none"),
    ],
)
def test_a_bound_is_written_with_its_error(bound, text):
    assert written(bound) == text


@pytest.mark.parametrize("name", ["notes.txt", "report", "report.html.gz", "report.pdf"])
def test_a_report_is_a_page_and_is_saved_as_one(data, tmp_path, name):
    report = looked(data).report(4)
    with pytest.raises(ParameterError, match=r"ends in \.html or \.htm"):
        report.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    assert report.save(tmp_path / "report.HTM").is_file()


def test_a_page_of_somebody_else_stays_and_one_of_ours_is_renewed(data, tmp_path):
    report = looked(data).report(4)
    target = tmp_path / "page.html"
    target.write_text("<!doctype html><title>My holidays</title>")
    with pytest.raises(StorageError, match="somebody else's"):
        report.save(target)
    assert target.read_text() == "<!doctype html><title>My holidays</title>"
    target.unlink()
    for _ in range(2):
        report.save(target)
    assert '<meta name="generator" content="rgwidgets ' in target.read_text("utf-8")
