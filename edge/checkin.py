"""A guided recording: coughs, breaths, a held vowel and a sentence; measured, then put into words.

No public recordings of coughs or voices carry a disease label that holds up (docs/screening.md),
so a check-in measures and counts, and says so instead of guessing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.pipeline import Pipeline
from edge.records import AudioBlock, Pcm

COUGH, BREATH, VOWEL, SENTENCE = "cough", "breath", "vowel", "sentence"
# A frame is short beside a cough and long beside a period of the voice.
FRAME_S = 0.05
# The level of a recording is that of its loudest twentieth, its noise that of its quietest tenth.
LOUD_SHARE, QUIET_SHARE = 0.95, 0.10
# Of coughs it is that of their loudest part, however long the pauses are.
COUGH_S = 0.25
# What a loudspeaker or a far microphone leaves of a voice lies below.
LEAST_LEVEL_DBFS = -45.0
# Less and pauses can no longer be told from sound.
LEAST_SNR_DB = 15.0
MOST_CLIPPED = 0.001
# Below the level of a held vowel by more than this it is over.
HELD_DB = 12.0
# Pitches of voices, and by how much the autocorrelation of a voiced frame rises again after its
# first fall: noise stays below a half.
LEAST_PITCH_HZ, MOST_PITCH_HZ = 70.0, 400.0
LEAST_RISE = 0.6
_SILENCE_DBFS = -100.0
_PIECE_FRAMES = 100  # of a voice looked at together: a small device has little memory

SHORT, QUIET, LOUD, NOISY, UNVOICED = (
    "too_short",
    "too_quiet",
    "clipped",
    "too_noisy",
    "no_voice",
)


@dataclass(frozen=True, slots=True)
class Task:
    """What a person is asked to do.

    Attributes:
        name: of the task.
        record_s: seconds recorded from the microphone.
        least_s: seconds that a given file must have.
        words: the request, by language.
    """

    name: str
    record_s: float
    least_s: float
    words: Mapping[str, str]


TASKS = (
    Task(
        COUGH,
        10.0,
        1.0,
        {
            "en": "Cough three times, with a pause after each.",
            "zh": "请咳嗽三声，每声之间稍作停顿。",
        },
    ),
    Task(
        BREATH,
        20.0,
        5.0,
        {"en": "Breathe deeply through the mouth, four times.", "zh": "请用嘴深呼吸四次。"},
    ),
    Task(
        VOWEL,
        15.0,
        1.0,
        {
            "en": "Take a breath and hold “aah” as long as you can.",
            "zh": "请吸气后发“啊”音，越久越好。",
        },
    ),
    Task(
        SENTENCE,
        10.0,
        1.0,
        {
            "en": "Read aloud: “The morning air was cool, and we walked slowly by the river.”",
            "zh": "请朗读：“清晨的空气很凉爽，我们沿着河边慢慢走。”",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What one recording of a check-in measured.

    Attributes:
        task: its name.
        duration_s: length in seconds.
        level_dbfs: root mean square of the loud frames.
        noise_dbfs: root mean square of the quiet frames.
        problems: what to mend before recording again; empty when there is nothing.
        coughs: how many were counted; None where they are not.
        held_s: longest stretch of a vowel in seconds; None of the other tasks.
    """

    task: str
    duration_s: float
    level_dbfs: float
    noise_dbfs: float
    problems: tuple[str, ...]
    coughs: int | None = None
    held_s: float | None = None


def frame_levels(pcm: Pcm, rate_hz: int) -> NDArray[np.float64]:
    """Level of each frame in dBFS, at least -100; float64 [frames], at least one."""
    frames = _frames(pcm, rate_hz)
    if not len(frames):
        return np.full(1, _SILENCE_DBFS)
    power = np.maximum((frames**2).mean(axis=1), 10 ** (_SILENCE_DBFS / 10))
    levels: NDArray[np.float64] = 10 * np.log10(power)
    return levels


def voiced(pcm: Pcm, rate_hz: int) -> NDArray[np.bool_]:
    """Whether each frame repeats itself at a voice's pitch; bool [frames], may be empty.

    By the autocorrelation, normalised by the power of what overlaps (Boersma, 1993).
    """
    frames = _frames(pcm, rate_hz)
    starts = range(0, max(1, len(frames)), _PIECE_FRAMES)
    return np.concatenate([_voiced(frames[at : at + _PIECE_FRAMES], rate_hz) for at in starts])


def _voiced(frames: NDArray[np.float64], rate_hz: int) -> NDArray[np.bool_]:
    length = frames.shape[1]
    spectrum = np.fft.rfft(frames, 2 * length)
    products = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :length]
    power = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    head, tail = power[:, :0:-1], power[:, -1:] - power[:, :-1]
    alike = products / np.sqrt(np.maximum(head * tail, 1e-20))  # [frames, lags]
    rise = alike - np.minimum.accumulate(alike, axis=1)
    least, most = int(rate_hz / MOST_PITCH_HZ), int(rate_hz / LEAST_PITCH_HZ) + 1
    return np.asarray(rise[:, least:most].max(axis=1, initial=0.0) >= LEAST_RISE)


def _frames(pcm: Pcm, rate_hz: int) -> NDArray[np.float64]:
    """Whole frames of a recording less its mean, which no ear hears; float64 [frames, samples]."""
    length = max(1, round(FRAME_S * rate_hz))
    wave = pcm.astype(np.float64) / 32_768
    wave -= wave.mean() if len(wave) else 0.0
    return wave[: len(wave) // length * length].reshape(-1, length)


def measure(task: Task, pcm: Pcm, rate_hz: int) -> TaskResult:
    """Level, noise and what is wrong with a recording.

    A vowel may fill its recording without a pause, so its noise is not judged, but its voice.

    Args:
        task: what was asked for.
        pcm: int16 [samples], mono.
        rate_hz: its sampling rate.
    """
    levels = frame_levels(pcm, rate_hz)
    loud, quiet = (float(np.quantile(levels, share)) for share in (LOUD_SHARE, QUIET_SHARE))
    if task.name == COUGH:
        loud = float(np.sort(levels)[::-1][: round(COUGH_S / FRAME_S)][-1])
    clipped = len(pcm) > 0 and (np.abs(pcm.astype(np.int32)) >= 32_700).mean() > MOST_CLIPPED
    held_s = longest_held_s(levels, voiced(pcm, rate_hz)) if task.name == VOWEL else None
    checks = {
        SHORT: len(pcm) < task.least_s * rate_hz,
        QUIET: loud < LEAST_LEVEL_DBFS,
        LOUD: bool(clipped),
        NOISY: task.name != VOWEL and LEAST_LEVEL_DBFS <= loud < quiet + LEAST_SNR_DB,
        UNVOICED: held_s == 0.0 and loud >= LEAST_LEVEL_DBFS,
    }
    return TaskResult(
        task=task.name,
        duration_s=len(pcm) / rate_hz,
        level_dbfs=loud,
        noise_dbfs=quiet,
        problems=tuple(name for name, found in checks.items() if found),
        held_s=held_s,
    )


def longest_held_s(levels: NDArray[np.float64], voice: NDArray[np.bool_]) -> float:
    """The longest voiced stretch within `HELD_DB` of the loud frames, in seconds; 0 of none.

    Takes what `frame_levels` and `voiced` give of one recording.
    """
    loud = float(np.quantile(levels, LOUD_SHARE))
    if loud < LEAST_LEVEL_DBFS or not len(voice):
        return 0.0
    held = np.concatenate([[False], voice & (levels > loud - HELD_DB), [False]])
    turns = np.flatnonzero(held[1:] != held[:-1])
    return float((turns[1::2] - turns[::2]).max(initial=0)) * FRAME_S


def count_coughs(pcm: Pcm, rate_hz: int, bundle: Bundle, classifier: Classifier) -> int:
    """Coughs that a room bundle finds in int16 [samples]."""
    pipeline = Pipeline(bundle, classifier, rate_hz)
    events = pipeline.push(AudioBlock(pcm, rate_hz, 0)) + pipeline.finish()
    return sum(event.label == COUGH for event in events)


PROBLEMS = {
    SHORT: {"en": "it is too short", "zh": "时间太短"},
    QUIET: {"en": "it is too quiet, come closer", "zh": "声音太小，请靠近麦克风"},
    LOUD: {"en": "it is too loud and distorted, move away", "zh": "声音过大而失真，请离远一些"},
    NOISY: {"en": "the room is too noisy", "zh": "环境噪声太大"},
    UNVOICED: {"en": "no held voice was heard", "zh": "没有听到持续的发音"},
}
NAMES = {
    COUGH: {"en": "coughs", "zh": "咳嗽"},
    BREATH: {"en": "breaths", "zh": "呼吸"},
    VOWEL: {"en": "held vowel", "zh": "持续元音"},
    SENTENCE: {"en": "sentence", "zh": "朗读句子"},
}
_WORDS = {
    "faulty": {
        "en": "Record the {task} again: {problems}.",
        "zh": "请重新录制{task}：{problems}。",
    },
    "coughs": {
        "en": "Coughs counted: {count} (some may be missed, and other sounds counted).",
        "zh": "共数到 {count} 声咳嗽（可能漏数，也可能把其他声音数进来）。",
    },
    "recorded": {
        "en": "The recording of the {task} is good; nothing more is measured of it.",
        "zh": "{task}录音良好，不再作进一步测量。",
    },
    "held": {"en": "The vowel was held for {held} s.", "zh": "元音持续了 {held} 秒。"},
    "nothing": {
        "en": "These are measurements, no result about illness: there is no evidence yet that "
        "coughs, breath or voice at a microphone tell one illness from another.",
        "zh": "以上只是测量值，不是关于疾病的结果："
        "目前没有证据表明麦克风录下的咳嗽、呼吸或嗓音能区分疾病。",
    },
    "unmeasured": {
        "en": "Nothing was measured, and this is no result about illness.",
        "zh": "没有得到测量值，也不是关于疾病的结果。",
    },
    "next": {
        "en": "What to do next: repeat it at the same place to compare, and ask a clinician about "
        "any symptom. This is a screening aid, not a diagnosis.",
        "zh": "下一步：请在同一地点重复测量以便比较，如有任何症状请咨询医生。"
        "这是筛查辅助工具，不是诊断。",
    },
}


def in_words(
    results: Sequence[TaskResult], screened: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What a check-in says to the person, by language.

    Args:
        results: what was measured, and what to record again.
        screened: the words of a screen of the coughs; None says that there is no result.
    """
    measured = _measured([result for result in results if not result.problems], "en")
    no_result = [_WORDS["nothing" if measured else "unmeasured"], _WORDS["next"]]
    rest = no_result if screened is None else [screened]
    return {
        code: (" " if code == "en" else "").join(
            [*_measured(results, code), *(words[code] for words in rest)]
        )
        for code in ("en", "zh")
    }


def problem_words(result: TaskResult, code: str) -> str:
    """What is wrong with a recording, in one sentence."""
    joined = (", " if code == "en" else "、").join(PROBLEMS[name][code] for name in result.problems)
    return _WORDS["faulty"][code].format(task=NAMES[result.task][code], problems=joined)


def _measured(results: Sequence[TaskResult], code: str) -> list[str]:
    said = []
    for result in results:
        if result.problems:
            said.append(problem_words(result, code))
        elif result.coughs is not None:
            said.append(_WORDS["coughs"][code].format(count=result.coughs))
        elif result.held_s is not None:
            said.append(_WORDS["held"][code].format(held=f"{result.held_s:.1f}"))
        else:
            said.append(_WORDS["recorded"][code].format(task=NAMES[result.task][code]))
    return said
