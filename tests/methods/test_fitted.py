"""Methods that were fitted to val: they look better on it than they are, so nothing may choose them by it."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import LabError
from lab.methods.extend import stored
from lab.methods.fitted import fitted_to_val
from lab.methods.spec import Study, catalog, parse_study
from lab.tasks.submit import declared

STUDY = {"name": "s", "data": "homes", "base": "smollm2-135m"}


def routed(among: list[str], how: str = "val", **methods: Any) -> dict[str, Any]:
    """A study with a route among these."""
    route = {"parameters": "none", "route": {"how": how, "among": among}}
    return STUDY | {"methods": ["mine"], "method": methods | {"mine": route}}


def declare(content: dict[str, Any]) -> Study:
    """As a new study is: from a file, from options or in the form."""
    return declared(content, "s.toml")


def test_of_the_catalogue_they_are_learned_weights_gates_and_routes() -> None:
    methods = catalog()
    found = {name for name in methods if fitted_to_val(methods, name)}
    assert found == {"merge-learned", "mixture-soft", "mixture-hard", "route-val", "route-classifier"}


@pytest.mark.parametrize("one", ["merge-learned", "mixture-soft"])
@pytest.mark.parametrize("how", ["val", "classifier"])
def test_a_route_by_val_among_them_is_refused(one: str, how: str) -> None:
    """Of 24 personas whom nothing helps, all would be moved to what was learned from their val dialogues."""
    with pytest.raises(LabError, match=f"'mine' chooses by val scores, but '{one}' was itself fitted to val; leave"):
        declare(routed(["unified", one], how))


def test_so_is_what_stands_on_them() -> None:
    shown = {"parameters": "none", "on": "merge-learned", "retrieve": {"k": 1}}
    with pytest.raises(LabError, match="'merge-learned', which 'shown' stands on, was itself fitted to val; leave 'sh"):
        declare(routed(["unified", "shown"], shown=shown))


def test_chance_may_choose_them() -> None:
    assert declare(routed(["unified", "merge-learned"], "random")).methods == ("mine",)


def test_a_study_that_was_kept_before_it_was_refused_can_be_read() -> None:
    kept = parse_study(routed(["unified", "merge-learned"]), "s.toml")
    assert stored(kept.model_dump(mode="json")) == kept
