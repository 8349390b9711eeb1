"""Thousands of steps of everything that can befall flows and their people, against the model of tests/model.

The ordinary profile walks the same walks each time. Many more, and others each time, by hand:

    HYPOTHESIS_PROFILE=deep .venv/bin/python -m pytest tests/rules/test_machine.py -k sqlite
"""

import asyncio
import random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from activities.enrolling import jobs
from tests.model.design import PAGE
from tests.model.driver import WalkDatabase
from tests.model.scenes import Walk

WALK = settings(
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
)
WALKS = {"ferd": {"sqlite": (2, 9), "postgresql": (1, 5)}, "deep": {"sqlite": (200, 9), "postgresql": (20, 9)}}
"""So many runs of so many walks. The first walk of a run is the simplest that there is; from the tenth on hypothesis
would repeat most of what it has walked, with a piece put elsewhere."""


def test_whatever_happens_it_is_as_the_model_says(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIFE_3 to LIFE_12, LIFE_14 to LIFE_16, PART_1, PART_3 to PART_6, PART_8, PART_9, TRIG_1 to TRIG_6, TRIG_8,
    TRIG_10 to TRIG_13, EDIT_1 to EDIT_6, STEP_13 to STEP_18, STEP_20, SAFE_1 to SAFE_3."""
    monkeypatch.setattr(jobs, "PAGE", PAGE)
    db = WalkDatabase(database_url)
    profile = settings.get_current_profile_name()
    first = 0 if profile == "ferd" else random.randrange(1_000_000)
    runs, walks = WALKS[profile]["sqlite" if db.sqlite else "postgresql"]
    try:
        with asyncio.Runner() as runner:

            class Here(Walk):
                def __init__(self) -> None:
                    super().__init__(db, runner.get_loop())

            for number in range(first, first + runs):
                run_state_machine_as_test(seed(number)(Here), settings=settings(WALK, max_examples=walks))
    finally:
        db.close()
