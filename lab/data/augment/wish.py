"""What a synthesised request is about, in plain words: what the model is to say in the persona's manner."""

from __future__ import annotations

from dataclasses import dataclass

from lab.data.augment.told import written
from lab.methods.profile import setting_text
from lab.metrics.actions import Action


@dataclass(frozen=True)
class Wish:
    """What a request is about: settings, or nothing that is known of."""

    settings: tuple[Action, ...] = ()

    @property
    def order(self) -> str:
        """The wish as an order: "Set the TV volume to 20 and turn the lights off."."""
        return _sentence([_order(one) for one in self.settings])

    @property
    def report(self) -> str:
        """The wish as it is when it is fulfilled: "The TV volume is 20 and the lights are off."."""
        return _sentence([f"the {_spot(one)} is {_value(one)}" for one in self.settings])

    @property
    def devices(self) -> set[str]:
        """The devices to set."""
        return {one.device for one in self.settings}

    @property
    def values(self) -> set[str]:
        """The values to set them to, as `Told` has them."""
        return {written(one.value) for one in self.settings} - {"on"}


def _sentence(parts: list[str]) -> str:
    text = " and ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _order(setting: Action) -> str:
    if setting.parameter == "power":
        return f"turn the {_spot(setting)} {setting.value}"
    if isinstance(setting.value, bool):
        return f"have the {_spot(setting)} {_value(setting)}"
    return f"set the {_spot(setting)} to {_value(setting)}"


def _spot(setting: Action) -> str:
    """Device and parameter; the device alone where the value tells the rest."""
    name = setting_text((setting.device, setting.parameter), setting.value).removesuffix(_value(setting)).strip()
    return name.removesuffix(" power")


def _value(setting: Action) -> str:
    if isinstance(setting.value, bool):
        return f"{'' if setting.value else 'not '}{setting.parameter.replace('_', ' ')}"
    return written(setting.value)
