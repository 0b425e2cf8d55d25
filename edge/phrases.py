"""What the explanations are put together from, in English and in Chinese.

Nothing here says that a person has or has not a disease: a recording resembles others, and a
clinician finds out.
"""

from edge import screening

LANGUAGES = ("en", "zh")

GROUPS = {
    "obstructive": {
        "en": "recordings of people with narrowed airways (asthma or COPD)",
        "zh": "气道狭窄者（哮喘或慢阻肺）的录音",
    },
    "other": {
        "en": "the comparison recordings (people healthy, or with other illnesses)",
        "zh": "对照录音（健康者或患其他疾病者）",
    },
}
# A decision in one word: the groups' names, and that there is none.
NAMES = {
    "obstructive": {"en": "obstructive", "zh": "气道阻塞组"},
    "other": {"en": "other", "zh": "对照组"},
    screening.ABSTAIN: {"en": "abstain", "zh": "不作结论"},
}
ANY_GROUP = {"en": "recordings of the group “{label}”", "zh": "“{label}”组的录音"}

SOUNDS = {
    "wheeze": {"en": "wheezing", "zh": "哮鸣音"},
    "crackle": {"en": "crackling", "zh": "湿啰音"},
}

# With one of these nothing in the recording is worth telling.
FAULTS = (
    screening.TOO_SHORT,
    screening.TOO_QUIET,
    screening.CLIPPED,
    screening.UNFAMILIAR,
)
REASONS = {
    screening.TOO_SHORT: {
        "en": "The recording is too short: it must last at least 5 seconds, better 15.",
        "zh": "录音太短：至少需要 5 秒，最好 15 秒。",
    },
    screening.TOO_QUIET: {
        "en": "Almost nothing can be heard: press the microphone onto bare skin and record again.",
        "zh": "几乎听不到声音：请把麦克风贴紧皮肤后重新录音。",
    },
    screening.CLIPPED: {
        "en": "The recording is too loud and distorted: lower the gain and record again.",
        "zh": "录音音量过大而失真：请降低增益后重新录音。",
    },
    screening.UNFAMILIAR: {
        "en": "The recording is unlike those this screen was measured on (perhaps speech, music, "
        "another noise or another microphone), so nothing is concluded from it: record the chest "
        "with an electronic stethoscope in a quiet room.",
        "zh": "这段录音与本筛查测试过的录音不同（可能是说话声、音乐、其他噪声或另一种麦克风），"
        "因此不作任何结论：请在安静的房间用电子听诊器录制胸部声音。",
    },
    screening.NO_EVIDENCE: {
        "en": "There is no evidence yet that this kind of recording tells the groups apart, so no "
        "result is given.",
        "zh": "目前没有证据表明这类录音能区分各组，因此不给出结果。",
    },
    screening.UNCERTAIN: {
        "en": "The recording does not speak clearly for any group, so no result is given; "
        "another recording may be clearer.",
        "zh": "这段录音没有明显偏向任何一组，因此不给出结果；再录一次可能会更清楚。",
    },
}
REASON_NAMES = {
    screening.TOO_SHORT: {"en": "too short", "zh": "录音太短"},
    screening.TOO_QUIET: {"en": "too quiet", "zh": "声音太小"},
    screening.CLIPPED: {"en": "clipped", "zh": "削波失真"},
    screening.UNFAMILIAR: {"en": "unfamiliar", "zh": "与参考录音不同"},
    screening.NO_EVIDENCE: {"en": "no evidence", "zh": "缺乏证据"},
    screening.UNCERTAIN: {"en": "uncertain", "zh": "不确定"},
}

# The line above the explanation, behind the file's name.
RESEMBLES = {
    "en": "resembles the group “{label}”{odds}.",
    "zh": "更接近“{label}”{odds}。",
}
NO_RESULT = {"en": "no result{odds}.", "zh": "没有结果{odds}。"}
LIKENESS = {
    "en": "This recording sounds more like {group} than like the other recordings that this screen "
    "knows (probability {p} %).",
    "zh": "这段录音听起来更像{group}，而不是本筛查所知的其他录音（概率 {p}%）。",
}
HEARD = {
    "en": "Possible {sound} was heard in {heard} of {stretches} overlapping two-second stretches.",
    "zh": "在 {stretches} 段相互重叠的两秒片段中，有 {heard} 段可能听到{sound}。",
}
AS_BY_CHANCE = {
    "en": "No clear {sound} was heard: {heard} of {stretches} overlapping two-second stretches "
    "sounded like it, no more than may do so by chance (it may have been missed).",
    "zh": "没有明确听出{sound}：{stretches} 段相互重叠的两秒片段中，有 {heard} 段听起来像，"
    "没有该声音时也会偶然如此（也可能漏听）。",
}
NOT_HEARD = {
    "en": "No {sound} was noticed (it may have been missed).",
    "zh": "没有听出{sound}（也可能漏听）。",
}
SPOKE = {
    "en": "What spoke most for this lies around second {start} to {end}, and between {low} and "
    "{high} Hz.",
    "zh": "最支持这一结果的声音在第 {start} 至 {end} 秒附近，频率在 {low} 至 {high} 赫兹之间。",
}
SURE = {
    "en": "How sure: on people the model had never heard, it put a recording of this kind above "
    "one of the rest in about {percent} of 100 pairs (95 % interval {low} to {high}); "
    "mistakes are common.",
    "zh": "有多可靠：在模型从未听过的人身上，每 100 对录音（一段属于此组，一段属于其余）中，"
    "约有 {percent} 对把前者排在前面（95% 区间 {low} 至 {high}）；出错很常见。",
}
# Of the groups that fewer people belong to than among those who were measured.
PREVALENCE = {
    "obstructive": {
        "en": "It was measured on adults of one hospital, with one stethoscope, of whom about four "
        "in ten had asthma or COPD: elsewhere the probability may be far too high. COPD alone was "
        "not told from the rest.",
        "zh": "测量对象为一家医院的成人，使用同一种听诊器，其中约四成有哮喘或慢阻肺："
        "在其他人群中该概率可能明显偏高。单独的慢阻肺未能识别。",
    },
}
NEXT = {
    "obstructive": {
        "en": "What to do next: show this to a clinician, who can listen to the chest and measure "
        "the breathing (spirometry).",
        "zh": "下一步：请把结果给医生看，由医生听诊并做肺功能检查。",
    },
    "other": {
        "en": "What to do next: this rules nothing out, COPD least of all, which this screen was "
        "not shown to tell. With cough, wheeze or shortness of breath, ask a clinician.",
        "zh": "下一步：这不能排除任何疾病，尤其不能排除慢阻肺：没有证据表明本筛查能识别它。"
        "如有咳嗽、喘息或气短，请咨询医生。",
    },
    screening.ABSTAIN: {
        "en": "What to do next: no result says nothing about health. With any symptom, ask a "
        "clinician.",
        "zh": "下一步：没有结果并不说明健康状况。如有任何症状，请咨询医生。",
    },
}
URGENT = {
    "en": "If breathing is hard at rest or lips turn blue, call the emergency number now.",
    "zh": "如果休息时呼吸困难或嘴唇发紫，请立即拨打急救电话。",
}
AID = {
    "en": "This is a screening aid, not a diagnosis.",
    "zh": "这是筛查辅助工具，不是诊断。",
}

CLINICIAN = {
    "en": "Bundle {name} {version}, {seconds} s of audio. "
    "Decision: {decision}{reasons}. Distance from the known recordings: {novelty} of the limit.",
    "zh": "模型包 {name} {version}，录音 {seconds} 秒。"
    "判定：{decision}{reasons}。与参考录音的距离：限值的 {novelty} 倍。",
}
CLINICIAN_ODDS = {
    "en": "Calibrated probabilities: {odds}.",
    "zh": "校准概率：{odds}。",
}
CLINICIAN_SOUND = {
    "en": "Possible {sound} in {heard} of {stretches} overlapping windows of 2 s (beyond chance "
    "from {least} on, at {share} % false a window).",
    "zh": "可能的{sound}：{stretches} 个相互重叠的 2 秒窗中有 {heard} 个"
    "（每窗误判率 {share}%，达到 {least} 个才超出偶然）。",
}
CLINICIAN_GROUNDS = {
    "en": "Occlusion of the int8 model, change of the log-odds of “{label}” beyond the mean of all "
    "parts: by second {seconds}; by band {bands}.",
    "zh": "对 int8 模型的遮挡分析，“{label}”对数几率的变化（超出各部分平均的部分）："
    "按秒 {seconds}；按频带 {bands}。",
}
CLINICIAN_MEASURED = {
    "en": "Measured patient-disjoint: AUROC {auroc} (95 % interval {low} to {high}, {people} "
    "people).",
    "zh": "按患者分离测得：AUROC {auroc}（95% 区间 {low} 至 {high}，{people} 人）。",
}
# Of the groups that have words of their own: what the figures beside a result do not say.
CLINICIAN_LIMITS = {
    "en": "The probabilities are those of the recordings they were fitted on (adults, one "
    "hospital, one stethoscope), where about four in ten people had asthma or COPD; where fewer "
    "have, that of “obstructive” is too high. COPD alone was not told from the rest.",
    "zh": "概率以其拟合所用的录音为准（成人、一家医院、一种听诊器），"
    "其中约四成的人有哮喘或慢阻肺；在患者较少的人群中，“气道阻塞组”的概率偏高。"
    "单独的慢阻肺未能与其余者区分。",
}
CLINICIAN_NEXT = {
    "en": "Suggested: auscultation and, where it fits the history, spirometry with reversibility; "
    "no physiological value was measured here.",
    "zh": "建议：听诊，并视病史做肺功能及可逆性检查；此处未测量任何生理数值。",
}
