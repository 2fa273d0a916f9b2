"""Loss curves as a report draws them."""

from lab.report.document.left import _together


def test_a_val_point_is_the_mean_of_all_groups_though_they_were_validated_at_unlike_steps():
    small, large = [(2, 3.0), (4, 2.0)], [(6, 1.0), (12, 0.5)]
    assert _together({"small": small, "large": large}) == [(4, 2.0), (8, 1.25)]


def test_where_one_group_stopped_early_the_mean_ends():
    assert _together({"a": [(2, 3.0), (4, 2.0)], "b": [(2, 1.0)]}) == [(2, 2.0)]


def test_a_training_without_groups_of_its_own_has_no_such_curve():
    assert _together({}) == []
