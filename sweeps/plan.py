"""What a command line asks for: a study's name, its points, and how they are to be run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from sweeps.checked import study_settings, tracking_settings
from sweeps.chosen import told
from sweeps.conditions import with_rules
from sweeps.errors import StudyError, did_you_mean
from sweeps.output import counted
from sweeps.own_keys import own_keys
from sweeps.parsing import parse
from sweeps.points import Given, given_points, with_points
from sweeps.redact import learn_overrides, override
from sweeps.seeds import replicated, with_swept_seeds
from sweeps.settings import StudySettings, TrackingSettings
from sweeps.space import Linked, Point, Space, is_key
from sweeps.values import digest

_DEFAULT_DRAWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A command line, read and checked.

    Attributes:
        name: The study's name.
        earlier_name: Its name in the version before, which knew no projects; None where it was given.
        settings: The `study` group.
        tracking: The `tracking` group.
        space: Its points.
        given: Those of `study.points`, which are an axis of the space; None where there are none.
        refined: Those that were added to them.
    """

    name: str
    earlier_name: str | None = None
    settings: StudySettings
    tracking: TrackingSettings
    space: Space
    given: Given | None = None
    refined: tuple[Linked, ...] = ()

    @property
    def is_grid(self) -> bool:
        """Whether every point is known beforehand."""
        return is_grid(self.space, self.settings)

    @property
    def num_points(self) -> int:
        """Trials the command asks for."""
        if self.is_grid:
            num_seeds = self.settings.replicates  # the fastest axis
            return min(self.space.num_points, (self.settings.n_trials or self.space.num_points) * num_seeds)
        return self.num_draws * self.num_seeds

    @property
    def num_seeds(self) -> int:
        """Trials of each point that a sampler draws."""
        return len(self.space.seeds.values) if self.space.seeds else 1

    @property
    def num_draws(self) -> int:
        """Points that a sampler draws."""
        asked = self.settings.n_trials or _DEFAULT_DRAWS
        return min(asked, self.space.num_points) if self.space.is_finite else asked

    @property
    def cut(self) -> str:
        """What `study.n_trials` means where it is not the number of points; empty where it is."""
        asked = self.settings.n_trials
        num = self.space.num_points // (self.settings.replicates if self.is_grid else 1)
        if asked is None or not self.space.is_finite or asked == num:
            return ""
        if asked > num:
            return f"study.n_trials={asked}: there are {counted(num, 'point')}; each is trained once."
        if self.is_grid:
            return f"study.n_trials={asked}: the first {asked} of {num} points, in the order of the grid."
        return ""

    def with_more(self, refined: Sequence[Linked]) -> "Plan":
        """The plan with further points beside those of `study.points`."""
        space = without_secrets(self.space.with_linked(refined))
        return replace(self, space=space, refined=tuple(refined))

    def points(self) -> list[Point]:
        """The points of a grid; empty where a sampler draws them."""
        return list(self.space.grid())[: self.num_points] if self.is_grid else []


def read_plan(
    config: DictConfig,
    arguments: Sequence[str],
    params: Mapping[str, Any],
    loader: ConfigLoader,
    project: str = "",
    trusted: Any = None,
) -> Plan:
    """Read what a command asks for.

    Args:
        config: The configuration composed without the swept overrides.
        arguments: The overrides as typed.
        params: Sweeps from the configuration.
        loader: Knows the options of the groups.
        project: Name of the application in its project.
        trusted: Constructors that the application trusts, as Hydra keeps them.

    Raises:
        StudyError: The command asks for something that cannot be.
    """
    learn_overrides(arguments)
    keys = own_keys(config)
    settings, tracking = study_settings(config, keys.study), tracking_settings(config, keys.tracking)
    parsed = parse(arguments, params, loader, keys.operational)
    parsed = replace(parsed, operational=tuple(filter(keys.is_for_trials, parsed.operational)))
    given = given_points(config, keys.study, keys.operational, trusted)
    parsed = with_points(parsed, given.linked) if given else parsed
    space = with_rules(without_secrets(_replicated(parsed, settings, config)), settings, trusted)
    is_grid(space, settings)  # refuses a grid without end
    line: dict[str, Any] = {"fixed": space.fixed, "axes": sorted(axis.text for axis in space.axes)}
    line |= {"points": [dict(one.overrides) for one in given.linked]} if given else {}
    names = [_derived_name(config, asked) for asked in ({**line, "project": project}, line)]
    name, earlier = (settings.name, None) if settings.name else names
    return Plan(name=name, earlier_name=earlier, settings=settings, tracking=tracking, space=space, given=given)


def is_grid(space: Space, settings: StudySettings) -> bool:
    """Whether every point of a space is known beforehand.

    Raises:
        StudyError: A grid is asked for, and a dimension has no end; or a sampler is to draw beside given points.
    """
    if any(axis.linked for axis in space.axes) and not (space.is_finite and settings.sampler in ("auto", "grid")):
        draws = next(
            (axis.text for axis in space.axes if not axis.is_finite),
            f"study.sampler={told('sampler', settings.sampler)}",
        )
        raise StudyError(f"study.points are trained each, and {draws} is to be drawn. Leave one of them out.")
    if settings.sampler == "grid" and not space.is_finite:
        endless = next(axis.text for axis in space.axes if not axis.is_finite)
        raise StudyError(f"study.sampler=grid: {endless} has no finite set of values. Use choice(...) or range(...).")
    return space.is_finite and settings.sampler in ("auto", "grid")


def without_secrets(space: Space) -> Space:
    """The space with points that may be kept and shown: what they hold of secrets, this process alone knows.

    Raises:
        StudyError: A secret is swept; its values could not be told apart.
    """
    for axis in space.axes:
        texts = [each for value in axis.values for each in axis.chosen(value).overrides.items()]
        if secret := next((key for key, text in texts if _kept(key, text) != text), None):
            why = f"{secret} cannot be swept: its values are secret, and a study keeps what is swept."
            raise StudyError(f"{why} Put them into the environment: {secret}='${{oc.env:NAME}}','${{oc.env:OTHER}}'")
    fixed = {key: _kept(key, value) for key, value in space.fixed.items()}
    withheld = {key: value for key, value in space.fixed.items() if fixed[key] != value}
    return replace(space, fixed=fixed, withheld=withheld)


def _kept(key: str, value: str) -> str:
    return override(f"{key}={value}").partition("=")[2]


def _derived_name(config: DictConfig, asked: Mapping[str, Any]) -> str:
    """A name made from the line: typed again, it finds its study."""
    return f"{OmegaConf.select(config, 'hydra.job.name')}-{digest(asked)[:8]}"


def _replicated(space: Space, settings: StudySettings, config: DictConfig) -> Space:
    """The space with its seeds.

    Raises:
        StudyError: The application has no such seed, or one that cannot be counted up; or a sampler is to draw it.
    """
    key = settings.seed_key
    if settings.replicates == 1:
        return space if is_grid(space, settings) else with_swept_seeds(space, key)
    if key not in _keys(config) and not any(is_key(name, key) for name in (*space.fixed, *space.varied)):
        near = did_you_mean(key, [name for name in _keys(config) if "seed" in name.lower()]) or "none"
        raise StudyError(
            f"study.replicates={settings.replicates}: the configuration has no {key!r}. study.seed_key=KEY says where"
            f" the application reads its seed. Keys with that word: {near}"
        )
    first = OmegaConf.select(config, key, throw_on_missing=False)
    return replicated(space, settings.replicates, first, key, is_drawn=not is_grid(space, settings))


def _keys(config: DictConfig) -> list[str]:
    """Every dotted key of the application's own configuration."""

    def below(node: Any, path: str) -> Iterator[str]:
        for name in map(
            str, node if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing() else ()
        ):
            yield (own := f"{path}{name}")
            yield from below(node._get_node(name), f"{own}.")

    ours = own_keys(config).operational
    return [key for key in below(config, "") if key.split(".")[0] not in ours]
