"""The presets: frozen, complete, the paper's numbers as printed."""

import dataclasses
import json

import click
import pytest

from manifests.columns import columns
from train.presets import DEFAULT, GROUPS, PAPER, PRESETS, SMALL, NetworkSettings, PairSettings, Preset, changed, preset_from


def test_paper_holds_the_printed_numbers() -> None:
    assert PAPER.network == NetworkSettings(width=64, kernels=(3, 5, 7), fusion="dynamic", head="relu", color="luma")
    losses = PAPER.losses
    assert (losses.background_weight, losses.structure_weight, losses.directional_weight, losses.reconstruction_weight) == (
        1,
        0.1,
        0.01,
        0.001,
    )
    assert (losses.gamma_start, losses.gamma_end, losses.gamma_fall) == (0.1, 0.0001, 0.3)
    assert PAPER.pairs == PairSettings(pairs=4, crop_px=128, window_from_px=128, window_to_px=None, mirror=False)
    optimiser = PAPER.optimiser
    assert (optimiser.learning_rate, optimiser.learning_rate_course, optimiser.beta1, optimiser.steps) == (1e-4, "constant", 0.9, 300_000)
    assert optimiser.average_decay == 0


def test_default_keeps_the_architecture_and_every_term() -> None:
    assert dataclasses.replace(DEFAULT.network, head="relu") == PAPER.network
    for preset in (DEFAULT, SMALL):
        losses = preset.losses
        assert min(losses.background_weight, losses.structure_weight, losses.directional_weight, losses.reconstruction_weight) > 0


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_presets_cannot_be_changed(preset: Preset) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        preset.name = "other"  # type: ignore[misc]
    for group in GROUPS:
        settings = getattr(preset, group)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(settings, dataclasses.fields(settings)[0].name, 1)


def test_setting_names_are_unique_and_explained() -> None:
    named = [column for settings in GROUPS.values() for column in columns(settings)]
    assert len({column.name for column in named}) == len(named)
    assert all(column.meaning for column in named)
    assert {field.name for field in dataclasses.fields(Preset)} == {"name", *GROUPS}


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_a_preset_survives_json(preset: Preset) -> None:
    assert preset_from(json.loads(json.dumps(dataclasses.asdict(preset)))) == preset


def test_settings_by_text() -> None:
    preset = changed(SMALL, ["width=16", "kernels=3,5", "structure_weight=0.5", "window_to_px=none", "mirror=false"])
    assert (preset.network.width, preset.network.kernels, preset.losses.structure_weight) == (16, (3, 5), 0.5)
    assert (preset.pairs.window_to_px, preset.pairs.mirror) == (None, False)
    assert preset.optimiser == SMALL.optimiser
    assert changed(SMALL, []) == SMALL


@pytest.mark.parametrize("text", ["width", "wide=3", "width=three", "head=sigmoid", "width=7", "kernels=4", "pairs=0", "window_to_px=10"])
def test_wrong_settings_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=text.partition("=")[0]):
        changed(PAPER, [text])


@pytest.mark.parametrize(
    "text",
    [
        "learning_rate=-1",
        "learning_rate=nan",
        "beta1=2",
        "steps=0",
        "log_steps=0",
        "collapse_steps=0",
        "least_contrast=1.5",
        "most_dead=-0.1",
        "save_minutes=nan",
        "flat_gradient=0",
        "structure_weight=-1",
    ],
)
def test_settings_that_cannot_train_are_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        changed(SMALL, [text])
