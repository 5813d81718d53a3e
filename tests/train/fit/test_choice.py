"""Which network is passed on."""

from hypothesis import given
from hypothesis import strategies as st

from train.fit.choice import LEAST_SCENES, TIE_DB, Choice, choose

NAN = float("nan")


def chosen(*scores: float, scenes: int = LEAST_SCENES) -> Choice | None:
    """After validations at steps 1, 2, … with these scores on so many scenes."""
    choice = None
    for step, score in enumerate(scores, start=1):
        choice = choose(choice, step, score, scenes)
    return choice


def test_the_best_is_chosen_and_of_equals_the_latest() -> None:
    assert chosen(20, 25, 30) == Choice(3, 30, 30)
    assert chosen(20, 30, 25) == Choice(2, 30, 30)
    assert chosen(20, 30, 30 - 0.9 * TIE_DB) == Choice(3, 30 - 0.9 * TIE_DB, 30)


def test_too_few_scenes_choose_the_latest_that_is_whole() -> None:
    assert chosen(30, 20, 10, scenes=LEAST_SCENES - 1) == Choice(3, 10, 30)
    assert chosen(30, 20, NAN, scenes=1) == Choice(2, 20, 30)


def test_equals_do_not_lead_away_step_by_step() -> None:
    """Each is as good as the one before it, and the last is worse than the best."""
    choice = chosen(30, 30 - 0.8 * TIE_DB, 30 - 1.6 * TIE_DB, 30 - 2.4 * TIE_DB)
    assert choice == Choice(2, 30 - 0.8 * TIE_DB, 30)


def test_a_broken_network_is_never_chosen() -> None:
    assert chosen(NAN) is None
    assert chosen(20, NAN) == Choice(1, 20, 20)
    assert chosen(NAN, 20, float("inf")) == Choice(2, 20, 20)


@given(st.lists(st.floats(0, 60), min_size=1, max_size=20))
def test_the_choice_is_the_latest_within_a_tie_of_the_best_before_it(scores: list[float]) -> None:
    choice = chosen(*scores)
    assert choice is not None
    assert choice.best == max(scores)
    expected = max(place for place, score in enumerate(scores) if score >= max(scores[: place + 1]) - TIE_DB)
    assert choice.step == expected + 1
    assert choice.score >= max(scores[: choice.step]) - TIE_DB


@given(st.lists(st.floats(0, 60), min_size=1, max_size=12), st.data())
def test_a_run_that_repeats_what_it_validated_before_a_kill_chooses_the_same(scores: list[float], data: st.DataObject) -> None:
    """Killed after validation `ended`, gone on with from before validation `resumed`; the choice was kept, the rest is done again."""
    ended = data.draw(st.integers(1, len(scores)))
    resumed = data.draw(st.integers(1, ended))
    choice = chosen(*scores[:ended])
    for step in range(resumed, len(scores) + 1):
        choice = choose(choice, step, scores[step - 1], LEAST_SCENES)
    whole = chosen(*scores)
    assert choice is not None
    assert whole is not None
    assert choice.step == whole.step
