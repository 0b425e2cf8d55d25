"""Why an alert began or ended, in words: English and Chinese, never a diagnosis."""

from edge.trend.chart import Rules
from edge.trend.view import Change

# What the detector counted, on both sides: the pages show rates that allow for its errors.
_EN = {
    "more": (
        "More coughs than usual: the detector counted {rate} an hour in {nights}, since {since}; "
        "here it usually counts {usual} an hour on average."
    ),
    "usual": (
        "Coughs are back to usual: the detector counted {rate} an hour in the latest night; "
        "here it usually counts {usual} an hour on average."
    ),
    "adopted": (
        "The alert has stood for weeks, so its level now counts as usual: "
        "{usual} coughs an hour on average, as the detector counts."
    ),
    "bundle": "Another model listens now; what is usual is learnt anew, and the alert ends.",
}
_ZH = {
    "more": (
        "咳嗽比平时多：自{since}起的{nights}，检测器平均每小时计到{rate}次；"
        "此处平时平均每小时计到{usual}次。"
    ),
    "usual": (
        "咳嗽已恢复到平时水平：最近一夜检测器每小时计到{rate}次；此处平时平均每小时计到{usual}次。"
    ),
    "adopted": ("提醒已持续数周，当前水平今后视为平时水平：按检测器的计数，平均每小时{usual}次。"),
    "bundle": "已换用另一个模型，将重新学习平时水平，提醒结束。",
}
_EN_NOTE = (
    " It counts sounds and does not know whose they are or why; it is not a diagnosis. "
    "Ask a clinician about a cough that worries you."
)
_ZH_NOTE = "本设备只统计声音，不知道是谁、为何咳嗽，不作诊断。如有担心，请咨询医生。"


def reason(change: Change) -> dict[str, str]:
    """Sentences for a person, by language: "en" and "zh"."""
    numbers = {"since": change.since.isoformat(), "rate": _number(change.rate_per_h)}
    usual = _number(change.usual_per_h)
    # The chart knows no less; how much less it is, it does not know.
    least = change.usual_per_h <= Rules().least_per_hour
    nights_en = "1 night" if change.nights == 1 else f"{change.nights} nights"
    english = _EN[change.cause].format(
        nights=nights_en, usual=f"at most {usual}" if least else usual, **numbers
    )
    chinese = _ZH[change.cause].format(
        nights=f"{change.nights}个夜晚", usual=f"至多{usual}" if least else usual, **numbers
    )
    return {"en": english + _EN_NOTE, "zh": chinese + _ZH_NOTE}


def _number(per_hour: float) -> str:
    """Figures that mean something: 0.03, 0.4, 3.1, 14."""
    if per_hour < 0.095:
        return f"{per_hour:.1g}"
    return f"{per_hour:.1f}" if per_hour < 9.95 else f"{per_hour:.0f}"
