"""Which sound device is meant: names that survive a reboot and another socket's order.

The number of a card, and PortAudio's index, follow the order in which the devices were
found. What stays is the card's name, its ALSA id, and the USB socket that it sits in.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DeviceUnavailableError

SYS_SOUND = Path("/sys/class/sound")
USB = "usb:"
PULSE = "pulse:"


@dataclass(frozen=True, slots=True)
class Device:
    """An input that PortAudio lists.

    Attributes:
        index: PortAudio's, valid for one process only.
        name: PortAudio's, such as "USB PnP Sound Device: Audio (hw:1,0)".
        channels: how many it has at most.
        rate_hz: the rate that it prefers.
        default: it is the system's default input.
    """

    index: int
    name: str
    channels: int
    rate_hz: int
    default: bool

    @property
    def card(self) -> int | None:
        """Number of the ALSA card; None for a virtual device such as "default"."""
        found = re.search(r"\(hw:(\d+),\d+\)$", self.name)
        return int(found[1]) if found else None

    @property
    def title(self) -> str:
        """The name without the card's number, which another boot may change."""
        return re.sub(r" \(hw:\d+,\d+\)$", "", self.name)


@dataclass(frozen=True, slots=True)
class Card:
    """An ALSA card.

    Attributes:
        number: of this boot.
        id: ALSA's short name, such as "Device"; a second card of a kind gets "Device_1".
        usb: path of its USB socket, such as "1-1.2"; empty when it is not a USB device.
    """

    number: int
    id: str
    usb: str


def sound_cards(folder: Path = SYS_SOUND) -> list[Card]:
    """The cards that the kernel knows; none where it has no sound."""
    cards = []
    for path in sorted(folder.glob("card[0-9]*")):
        found = re.fullmatch(r"card(\d+)", path.name)
        try:
            id = (path / "id").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue  # pulled out between the two looks
        usb = re.fullmatch(r"(\d+-[\d.]+):[\d.]+", (path / "device").resolve().name)
        if found:
            cards.append(Card(int(found[1]), id, usb[1] if usb else ""))
    return cards


def stable_name(device: Device, cards: list[Card]) -> str:
    """What to write as `source.device` to mean this device after the next boot too."""
    for card in cards:
        if card.number == device.card:
            return USB + card.usb if card.usb else card.id
    return device.title


def choose(wanted: str, devices: list[Device], cards: list[Card]) -> Device:
    """The device that a name means.

    Args:
        wanted: `source.device` of the settings.
        devices: the inputs that are there.
        cards: the cards that are there.

    Returns:
        The one device; of one card with several inputs, the first.

    Raises:
        DeviceUnavailableError: none matches, or inputs of several cards do.
    """
    if not devices:
        raise no_microphone()
    if not wanted:
        found = [device for device in devices if device.default] or devices[:1]
    else:
        found = _matching(wanted, devices, cards)
    if not found:
        raise DeviceUnavailableError(
            f'no microphone matches source.device = "{wanted}"; there are {_list(devices, cards)}'
        )
    if len({device.card if device.card is not None else device.name for device in found}) > 1:
        raise DeviceUnavailableError(
            f'source.device = "{wanted}" matches several microphones; set it to one of '
            f"{_list(found, cards)}"
        )
    return found[0]


def no_microphone() -> DeviceUnavailableError:
    """The error for a machine without any input."""
    return DeviceUnavailableError(
        "no microphone is there; plug one in, and see that this user is in the group audio"
    )


def _matching(wanted: str, devices: list[Device], cards: list[Card]) -> list[Device]:
    if wanted.startswith(PULSE):  # the server's own name for a source; see `CaptureProcess`
        return [device for device in devices if device.name == "pulse"]
    if wanted.startswith(USB):
        numbers = {card.number for card in cards if USB + card.usb == wanted}
        return [device for device in devices if device.card in numbers]
    word = wanted.casefold()
    numbers = {card.number for card in cards if card.id.casefold() == word}
    exact = [
        device
        for device in devices
        if device.card in numbers or word in (device.name.casefold(), device.title.casefold())
    ]
    return exact or [device for device in devices if word in device.title.casefold()]


def _list(devices: list[Device], cards: list[Card]) -> str:
    return ", ".join(f'"{stable_name(device, cards)}" ({device.title})' for device in devices)
