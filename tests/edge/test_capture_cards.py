"""Which microphone a name means, on sound folders as the kernel makes them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.cards import Card, Device, choose, sound_cards, stable_name
from edge.errors import DeviceUnavailableError

BUS = "devices/platform/soc/3f980000.usb/usb1"


def kernel(tmp_path: Path, *cards: tuple[str, str]) -> Path:
    """A /sys/class/sound with (ALSA id, device folder) of each card, in the order of their find."""
    folder = tmp_path / "class" / "sound"
    folder.mkdir(parents=True)
    (folder / "timer").mkdir()
    for number, (id, where) in enumerate(cards):
        device = tmp_path / where
        card = device / "sound" / f"card{number}"
        card.mkdir(parents=True)
        (card / "id").write_text(id + "\n")
        (card / "device").symlink_to(device)
        (folder / f"card{number}").symlink_to(card)
    return folder


def device(number: int | None, name: str, index: int = 0, default: bool = False) -> Device:
    """An input as PortAudio names it."""
    title = name if number is None else f"{name} (hw:{number},0)"
    return Device(index, title, 1, 48_000, default)


ONBOARD = ("b1", "devices/platform/soc/sound")
LEFT = ("Device", f"{BUS}/1-1/1-1.2/1-1.2:1.0")
RIGHT = ("Device_1", f"{BUS}/1-1/1-1.3/1-1.3:1.0")


def test_cards_are_read_from_the_kernel(tmp_path):
    """Number, id and USB socket of each card; an onboard one has no socket."""
    assert sound_cards(kernel(tmp_path, ONBOARD, LEFT)) == [
        Card(0, "b1", ""),
        Card(1, "Device", "1-1.2"),
    ]
    assert sound_cards(tmp_path / "nothing") == []


def test_a_socket_means_the_same_microphone_after_a_reboot(tmp_path):
    """Two microphones of one kind swap their numbers, and "usb:" still finds the right one."""
    for name, order in (("a", (ONBOARD, LEFT, RIGHT)), ("b", (RIGHT, LEFT, ONBOARD))):
        cards = sound_cards(kernel(tmp_path / name, *order))
        inputs = [
            device(card.number, "USB PnP Sound Device: Audio", 10 + card.number)
            for card in cards
            if card.usb
        ]
        found = choose("usb:1-1.3", inputs, cards)
        assert found.card == order.index(RIGHT)
        assert stable_name(found, cards) == "usb:1-1.3"


CARDS = [Card(0, "b1", ""), Card(1, "Device", "1-1.2"), Card(2, "Mic", "1-1.4.1")]
INPUTS = [
    device(1, "USB PnP Sound Device: Audio", 3),
    device(1, "USB PnP Sound Device: Audio #1", 4),
    device(2, "Blue Yeti: USB Audio", 5),
    device(None, "pulse", 8),
    device(None, "default", 9, default=True),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("", 9),
        ("usb:1-1.2", 3),
        ("usb:1-1.4.1", 5),
        ("Device", 3),  # the ALSA id, though another card's name has the word too
        ("mic", 5),
        ("Blue Yeti: USB Audio", 5),
        ("Blue Yeti: USB Audio (hw:2,0)", 5),
        ("yeti", 5),
        ("pnp", 3),
        ("default", 9),
        ("pulse:alsa_input.usb-Blue", 8),
    ],
)
def test_a_name_finds_its_microphone(wanted, index):
    """By socket, by ALSA id, by the whole name or a part of it, in any case of letters."""
    assert choose(wanted, INPUTS, CARDS).index == index


@pytest.mark.parametrize(
    ("wanted", "inputs", "words"),
    [
        ("usb:1-1.9", INPUTS, ['"usb:1-1.9"', '"usb:1-1.2"', "Blue Yeti", "no microphone matches"]),
        ("usb:", INPUTS, ["no microphone matches"]),
        ("nothing like it", INPUTS, ["no microphone matches"]),
        ("audio", INPUTS, ["several", '"usb:1-1.2"', '"usb:1-1.4.1"']),
        ("", [], ["plug one in"]),
        ("yeti", [], ["plug one in"]),
    ],
)
def test_what_is_not_one_microphone_is_refused(wanted, inputs, words):
    """None and several are refused in one sentence that names what is there."""
    with pytest.raises(DeviceUnavailableError) as refusal:
        choose(wanted, inputs, CARDS)
    assert refusal.value.exit_code == 69
    for word in words:
        assert word in str(refusal.value)


@given(st.permutations(range(3)), st.integers(0, 2))
def test_a_listed_name_means_what_it_was_listed_for(order, which):
    """Whatever order the kernel found the cards in, a stable name leads back to its card."""
    kinds = [("b1", "", "Onboard"), ("Device", "1-1.2", "USB Sound"), ("Mic", "1-1.3", "Yeti")]
    cards = [Card(number, *kinds[k][:2]) for number, k in enumerate(order)]
    inputs = [device(number, kinds[k][2], 20 + number) for number, k in enumerate(order)]
    wanted = inputs[which]
    assert choose(stable_name(wanted, cards), inputs, cards) == wanted
