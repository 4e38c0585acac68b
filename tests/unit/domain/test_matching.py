"""Matching: by set inclusion and by intervals, with a sentence for each thing that is missing."""

from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.robots import Capabilities, Interval, Requires, RobotKind, unmet

kinds = st.sampled_from(RobotKind)
protocols = st.sampled_from(["a/1", "a/2", "b/1"])
features = st.sets(st.sampled_from(["shaker", "heater", "glove box"])).map(lambda found: tuple(sorted(found)))
intervals = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(
    lambda ends: Interval(low=min(ends), high=max(ends))
)
limits = st.dictionaries(st.sampled_from(["temperature_Cel", "volume_mL"]), intervals)
requirements = st.builds(Requires, kind=kinds, protocol=protocols, features=features, limits=limits)
offers = st.builds(
    Capabilities,
    protocols=st.sets(protocols, min_size=1).map(lambda found: tuple(sorted(found))),
    features=features,
    limits=limits,
)


def _within(asked: Interval, offered: Interval) -> bool:
    return offered.low <= asked.low and asked.high <= offered.high


@given(requirements, kinds, offers)
def test_a_robot_fits_when_nothing_is_missing(
    requires: Requires, kind: RobotKind, offered: Capabilities
) -> None:
    """Exactly then: the same kind, the protocol, each feature, each limit within the device's own."""
    fits = (
        kind is requires.kind
        and requires.protocol in offered.protocols
        and set(requires.features) <= set(offered.features)
        and all(
            name in offered.limits and _within(asked, offered.limits[name])
            for name, asked in requires.limits.items()
        )
    )

    assert (unmet(requires, kind, offered) == ()) == fits


@given(requirements, kinds, offers)
def test_each_thing_that_is_missing_is_one_sentence(
    requires: Requires, kind: RobotKind, offered: Capabilities
) -> None:
    """So that who waits can be told all of it at once."""
    missing = unmet(requires, kind, offered)

    assert len(missing) == len(set(missing))
    for feature in set(requires.features) - set(offered.features):
        assert f"the robot lacks the feature {feature}" in missing
    for name in requires.limits.keys() - offered.limits.keys():
        assert f"the robot states no limit for {name}" in missing


@given(requirements, kinds, offers, features, limits)
def test_more_capabilities_never_fit_less(
    requires: Requires,
    kind: RobotKind,
    offered: Capabilities,
    more: tuple[str, ...],
    wider: dict[str, Interval],
) -> None:
    """Adding features, or widening or adding limits, makes nothing unmet that was met."""
    widened = {
        name: Interval(low=min(found.low for found in both), high=max(found.high for found in both))
        for name in offered.limits.keys() | wider.keys()
        if (both := [held[name] for held in (offered.limits, wider) if name in held])
    }
    richer = offered.model_copy(update={"features": (*offered.features, *more), "limits": widened})

    assert len(unmet(requires, kind, richer)) <= len(unmet(requires, kind, offered))


@given(requirements, offers)
def test_no_kind_stands_in_for_another(requires: Requires, offered: Capabilities) -> None:
    """A simulated robot never satisfies a job that asks for a physical one, whatever it can do."""
    for kind in set(RobotKind) - {requires.kind}:
        assert (
            unmet(requires, kind, offered)[0]
            == f"the job asks for a {requires.kind} robot, this one is {kind}"
        )
