"""Why an alert began or ended, in words: English and Chinese, never a diagnosis."""

from collections.abc import Callable
from datetime import date

from edge.trend.chart import Rules
from edge.trend.view import Change

# What the detector counted, on both sides, and said so: the pages show rates that allow for its
# errors, and nobody should compare the two.
_CAUSES = {
    "en": {
        "more": (
            "More coughs than usual: the detector counted {rate} an hour in {nights}, since "
            "{since}; here it usually counts {usual} an hour on average. These counts are not "
            "corrected for its errors."
        ),
        "usual": (
            "Coughs are back to usual: the detector counted {rate} an hour in the latest night; "
            "here it usually counts {usual} an hour on average. These counts are not corrected "
            "for its errors."
        ),
        "adopted": (
            "The alert has stood for weeks, so its level now counts as usual: the detector counts "
            "{usual} coughs an hour on average, not corrected for its errors."
        ),
        "bundle": "Another model listens now; what is usual is learnt anew, and the alert ends.",
    },
    "zh": {
        "more": (
            "咳嗽比平时多：自 {since} 起的{nights}，检测器平均每小时计到{rate}次；"
            "此处平时平均每小时计到{usual}次。以上计数未经误差校正。"
        ),
        "usual": (
            "咳嗽已恢复到平时水平：最近一夜检测器每小时计到{rate}次；"
            "此处平时平均每小时计到{usual}次。以上计数未经误差校正。"
        ),
        "adopted": (
            "提醒已持续数周，当前水平今后视为平时水平："
            "检测器平均每小时计到{usual}次，未经误差校正。"
        ),
        "bundle": "已换用另一个模型，将重新学习平时水平，提醒结束。",
    },
}
_NOTE = {
    "en": (
        " It counts sounds and does not know whose they are or why; it is not a diagnosis. "
        "Ask a clinician about a cough that worries you."
    ),
    "zh": "本设备只统计声音，不知道是谁、为何咳嗽，不作诊断。如有担心，请咨询医生。",
}
_ONE_NIGHT = {"en": "1 night", "zh": "1个夜晚"}
_NIGHTS = {"en": "{nights} nights", "zh": "{nights}个夜晚"}
_AT_MOST = {"en": "at most {usual}", "zh": "至多{usual}"}


def reason(change: Change) -> dict[str, str]:
    """Sentences for a person, by language: "en" and "zh"; dates are ISO 8601."""
    return {code: sentences(change, code, date.isoformat) for code in _CAUSES}


def sentences(change: Change, code: str, written: Callable[[date], str]) -> str:
    """The same in one language.

    Args:
        change: how an alert began or ended.
        code: of the language.
        written: a date -> how the reader writes it.
    """
    nights = _ONE_NIGHT if change.nights == 1 else _NIGHTS
    usual = _number(change.usual_per_h)
    # The chart knows no less; how much less it is, it does not know.
    if change.usual_per_h <= Rules().least_per_hour:
        usual = _AT_MOST[code].format(usual=usual)
    told = _CAUSES[code][change.cause].format(
        nights=nights[code].format(nights=change.nights),
        since=written(change.since),
        rate=_number(change.rate_per_h),
        usual=usual,
    )
    return told + _NOTE[code]


def _number(per_hour: float) -> str:
    """Figures that mean something: 0.03, 0.4, 3.1, 14."""
    if per_hour < 0.095:
        return f"{per_hour:.1g}"
    return f"{per_hour:.1f}" if per_hour < 9.95 else f"{per_hour:.0f}"
