"""A study, or one job of it, as the beginning of another study."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path

import pytest
from planned import planned
from sqlmodel import col, delete
from tui_lab import queue_study
from tui_pilot import opened, shows, until

from lab.db.engine import writing
from lab.db.queries import get_job, get_study, list_jobs
from lab.db.studies import save_study
from lab.db.tables import Study, StudyJob
from lab.errors import LabError
from lab.methods.extend import stored
from lab.methods.plan import plan
from lab.methods.spec import catalog, parse_study
from lab.tasks.submit import declared
from lab.tui.draft import numbered
from lab.tui.feeds.new_study import clone_of_job, clone_of_study, save
from lab.tui.feeds.study_options import options
from lab.tui.screens.new_study import NewStudyScreen

pytestmark = pytest.mark.usefixtures("artifacts")


def _job_of(method: str, kind: str) -> int:
    return next(job.id for job in list_jobs() if (job.method, job.kind) == (method, kind))


def test_a_study_is_cloned_whole_under_a_fresh_name(data: Path) -> None:
    study = queue_study(data)
    clone = parse_study(tomllib.loads(clone_of_study(study.name)), "")
    assert clone == stored(study.spec).model_copy(update={"name": "smart-home-6-2"})


@pytest.mark.parametrize("name", catalog())
def test_a_clone_of_any_method_has_its_settings_written_out_and_the_same_jobs(data: Path, name: str) -> None:
    study = queue_study(data, methods=(name,))
    before = stored(study.spec)
    job = next(job.id for job in list_jobs() if job.method == name and job.kind == "evaluate")
    said = tomllib.loads(clone_of_job(job))
    assert said["methods"][-1] == name
    assert said["method"][name]["about"] == catalog()[name].about
    keys = {one.key for one in plan(declared(said, ""), study.dataset)}
    assert keys >= {one.key for one in plan(before, study.dataset)}


def test_a_study_of_new_personas_says_what_to_clone_instead(data: Path) -> None:
    study = queue_study(data)
    spec = study.spec | {"name": "plus", "extends": study.name}
    job = planned("new", spec={"data": study.dataset})
    row = Study(name="plus", spec=spec, dataset=study.dataset, base=study.base)
    ids = save_study(row, [job], max_tries=1)
    for clone in (partial(clone_of_study, "plus"), partial(clone_of_job, ids[0])):
        with pytest.raises(
            LabError, match=r"'plus' has new personas for 'smart-home-6': clone that one, or add others"
        ):
            clone()


def test_a_job_is_cloned_with_what_its_method_stands_on_and_nothing_else(data: Path) -> None:
    queue_study(data)
    said = tomllib.loads(clone_of_job(_job_of("hybrid", "train")))
    assert said["methods"] == ["unified", "hybrid"]
    assert said["method"]["hybrid"]["lora"] == {
        "rank": 8,
        "alpha": 16.0,
        "dropout": 0.05,
        "targets": ["q_proj", "v_proj"],
    }
    assert said["method"]["hybrid"]["training"]["learning_rate"] == 5e-4
    assert declared(said, "").evaluate == ("val", "test")


def test_a_name_is_fresh_among_studies_and_files(data: Path) -> None:
    queue_study(data, "mine")
    save('name = "mine-2"\n')
    taken = options().taken
    assert numbered("mine", taken) == "mine-3"
    assert numbered("mine-2", taken) == "mine-3"
    assert numbered("other-6", taken) == "other-6"


def test_a_job_of_no_study_is_not_cloned(data: Path) -> None:
    queue_study(data)
    job = _job_of("hybrid", "train")
    with writing() as session:
        session.execute(delete(StudyJob).where(col(StudyJob.job) == job))
    with pytest.raises(LabError, match="of no study any more"):
        clone_of_job(job)


async def test_y_on_a_job_opens_its_clone_as_a_new_study(data: Path) -> None:
    queue_study(data)
    job = _job_of("hybrid", "train")
    async with opened(tab="jobs") as pilot:
        await shows(pilot, "hybrid")
        pilot.app.screen.query_one("#jobs").select(job)  # type: ignore[attr-defined]
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewStudyScreen))
        screen = await shows(pilot, "[method.hybrid]")
        assert f"# hybrid as in study smart-home-6, job {job}" in screen
        assert "smart-home-6-2" in screen
        await pilot.press("escape")  # nothing was changed
        await until(pilot, lambda: not isinstance(pilot.app.screen, NewStudyScreen))
    assert get_study().name == "smart-home-6"
    assert get_job(job).row.studies == ("smart-home-6",)


async def test_y_on_the_overview_opens_the_clone_of_a_study(data: Path) -> None:
    queue_study(data)
    async with opened(tab="overview") as pilot:
        await shows(pilot, "smart-home-6")
        await pilot.press("y")
        screen = await shows(pilot, "# as study smart-home-6")
        assert 'name = "smart-home-6-2"' in screen
