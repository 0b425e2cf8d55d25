"""Chinese (simplified)."""

MONTHS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12")
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

LABELS = {
    "cough": "咳嗽",
    "sneeze": "喷嚏",
    "snore": "鼾声",
    "breath": "呼吸声",
    "speech": "说话声",
    "other": "其他声音",
    "wheeze": "哮鸣音",
    "crackle": "湿啰音",
    "throat": "清嗓",
}

WORDS = {
    # Numbers and times
    "cough_one": "{count} 次咳嗽",
    "cough_many": "{count} 次咳嗽",
    "hours": "{hours} 小时",
    "seconds": "{seconds} 秒",
    "just_now": "刚刚",
    "minutes_ago": "{count} 分钟前",
    "hours_ago": "{count} 小时前",
    "days_ago": "{count} 天前",
    "percent": "{value}%",
    "titled": "{name}：{what}",
    "day": "{year}年{day}",
    "day_of_year": "{day} {weekday}",
    "short_day": "{month}月{day}日",
    # On every page
    "skip": "跳到正文",
    "pages": "页面",
    "today": "今天",
    "nights": "夜间记录",
    "trend": "趋势",
    "device": "设备",
    "switch_language": "English",
    "logout": "退出",
    "disclaimer": (
        "Airway 是筛查辅助工具，不作诊断。它只统计声音，不知道声音的原因，也不知道是谁发出的。"
        "无论 Airway 的计数如何，只要有令您担心的症状，请咨询医生。"
    ),
    # Rates
    "per_hour": "次咳嗽/小时",
    "interval": "95% 区间 {span}",
    "usual": "平时范围",
    "usual_learning": "仍在学习中",
    "usual_short": "该夜时间太短，无法比较",
    "usual_note": "此人自己在该夜之前的范围",
    "coughs_in": "监测 {hours}，{coughs}",
    "not_monitored": "未监测",
    "no_rate": "时间太短，无法给出每小时次数",
    "corrected": (
        "每小时次数已按测得的漏检率和误报率校正（以实际测得者为限）；次数则为检测器报告的原始计数。"
    ),
    "uncorrected": "每小时次数为检测器的原始报告：此处漏检多少、误报多少，尚不清楚。",
    "corrected_some": (
        "这些每小时次数中，有些已按漏检率和误报率校正，有些则是检测器的原始报告，"
        "取决于该夜所用的检测器是否测量过：请勿将两者相互比较。"
    ),
    # Today, and one night
    "last_night": "昨夜",
    "latest_night": "最近记录的一夜",
    "last_night_none": "还没有完成汇总的夜晚。",
    "last_24h": "最近 24 小时",
    "counts_none": "当前监测所用的模型不统计咳嗽次数；它听到的声音列在事件中。",
    "microphone": "麦克风",
    "listening": "正在监测",
    "muted": "已静音",
    "silent": "未在监测",
    "heard_until": "最近一次分析声音：{ago}",
    "heard_never": "尚未分析过任何声音",
    "chart_hours": "每小时咳嗽次数",
    "chart_hours_aria": "柱状图：按小时统计，监测 {hours}，{coughs}。",
    "hour_heard": "{coughs}，{whole} 分钟中监测了 {minutes} 分钟",
    "legend_gap": "未监测",
    "latest_events": "最近的事件",
    "events": "事件",
    "events_none": "此时段内没有事件。",
    "events_more": "仅显示最近的 {count} 个。",
    "table_hours": "以表格显示",
    "hour": "时段",
    "listened": "监测时长",
    "minutes_of": "{minutes} 分钟",
    "alert_stood": "最近一次夜间监测时：咳嗽比平时多",
    "alert_title": "咳嗽比平时多",
    "alert_raised": "由 {day} 夜间触发。",
    "alert_since": (
        "自 {day} 夜间起，咳嗽多于此人的平时范围。房间里其他人的声音也会计入。"
        "如果您感到担心，或伴有呼吸困难、发热、咯血，请咨询医生。"
    ),
    # Tables
    "time": "时间",
    "sound": "声音",
    "length": "时长",
    "certainty": "概率",
    "night": "夜晚",
    "night_of": "{day} 夜间",
    "night_forgotten": "本夜的部分或全部时段与事件已不再保留；上方的汇总是在此之前得出的。",
    "coughs": "咳嗽次数",
    "rate": "每小时咳嗽次数（95% 区间）",
    "note": "备注",
    "alert": "有提醒",
    "older": "更早的夜晚",
    "newer": "更近的夜晚",
    "nights_none": "还没有完成汇总的夜晚。第一个夜晚结束后会显示在这里。",
    "nights_no_older": "没有保存更早的夜晚。",
    # Trend
    "trend_range": "最近 {days} 天",
    "trend_span": "{first} 至 {last} 的夜晚",
    "chart_trend": "每夜每小时咳嗽次数",
    "chart_trend_aria": "每夜每小时咳嗽次数图：监测了 {nights} 夜，其中 {alerts} 夜有提醒。",
    "point_title": "{day}：每小时 {rate} 次咳嗽（{span}），监测 {hours}",
    "legend_rate": "一夜；竖线是其 95% 区间",
    "legend_alert": "有提醒的夜晚",
    "legend_usual": "平时范围",
    "legend_none": "无每小时次数",
    "alerts": "提醒",
    "alerts_none": "此时段内没有提醒。",
    "alerts_earlier": "以及更早的 {count} 次",
    "alert_span": "{first} 至 {last}：咳嗽比平时多",
    "how_to_read": "如何看这张图",
    "table_nights": "以表格显示",
    "how_to_read_text": (
        "每个点代表一夜，竖线是 95% 区间：真实的每小时次数很可能落在其中。"
        "监测的时间越短，竖线越长。"
        "色带是此人自己的平时范围：同样长度的平时夜晚，十夜中有九夜落在其中。"
        "单独一夜超出色带并不构成提醒：提醒是综合几夜得出的。"
        "灰色标记是没有每小时次数的夜晚：未监测，或时间太短。"
    ),
    "how_to_read_lines": ("末端为箭头的竖线还延伸到图的上方；夜晚排得太密时，不画竖线。"),
    # One event
    "event": "事件",
    "event_at": "{label}，{moment}",
    "score": "模型原始分数",
    "certainty_note": "听者会同意此判断的概率",
    "id": "标识",
    "around": "前后各十分钟",
    "around_aria": "时间线：此事件前后十分钟内共有 {count} 个事件。",
    "spectrogram": "声谱图",
    "no_clip": ("没有声谱图，也没有录音可播放：Airway 不保存音频，只记录声音的时间、时长和概率。"),
    # Device
    "source": "声音来源",
    "listened_24h": "最近 24 小时监测",
    "chart_coverage": "每小时监测的分钟数",
    "chart_coverage_aria": "柱状图：最近 48 小时中监测了 {hours}。",
    "lost_24h": "最近 24 小时丢失",
    "lost_note": "没有可用声音到达，或声音未能分析的时间",
    "session_since": "本次监测开始于",
    "clock": "时钟",
    "clock_synced": "监测开始时已同步",
    "clock_unsynced": "监测开始时未同步：时间可能有误",
    "waiting": "等待发送的消息",
    "waiting_since": "{count} 条，最早的一条：{ago}",
    "database": "本设备上的历史数据",
    "megabytes": "{size} MB",
    # Sign-in and faults
    "login": "登录",
    "login_text": "请粘贴本设备的令牌。它在 --token-file 所指的文件中。",
    "token": "令牌",
    "login_wrong": "这不是本设备的令牌。",
    "login_wait": "错误次数过多。请等一分钟再试。",
    "not_found": "找不到页面",
    "not_found_text": "此地址没有内容，或已随旧的历史数据删除。",
    "fault": "无法读取历史数据",
    "fault_busy": "其他程序正在占用它。请等一分钟再试。",
    "fault_damaged": "数据文件已损坏。后台服务会把它移到一边，并新建一个。",
    "fault_file": "数据文件不存在，或无法打开、读取。",
    "fault_foreign": "此文件不是本版本 Airway 能读取的历史数据。",
    "fault_page": "无法显示此页面",
    "fault_page_text": "Airway 出现了内部错误，详情见 airway web 的日志。",
    "read_only": "这些页面只供阅读：请使用 GET。",
    "this_machine_only": (
        "这些页面只在本机以 localhost 访问。若要在别处显示，请用 --token-file 启动 airway web。"
    ),
    "start_page": "回到首页",
    # Report
    "report": "咳嗽报告",
    "report_period": "{first} 至 {last}",
    "report_made": "根据设备 {node} 的历史数据生成",
    # The codes of FHIR Observations
    "fhir_cough-rate-night": "一夜中每小时咳嗽次数（由麦克风计数）",
    "fhir_coughs-reported": "检测器报告的咳嗽次数",
    "fhir_listened": "监测时长",
    "fhir_interval-95": "每小时次数的 95% 区间",
    "fhir_alert": "连续多夜咳嗽多于平时",
    "fhir_usual-range": "此人的平时范围",
    "report_nights": "监测的夜晚",
    "report_nights_of": "{nights} 夜中的 {monitored} 夜",
    "report_listened": "监测总时长",
    "report_median": "每夜中位数",
    "report_range": "最低与最高的夜晚",
    "report_alerts": "有提醒的夜晚",
    "report_coughs": "报告的咳嗽次数",
    "report_coverage": "每夜监测的小时数",
    "report_coverage_aria": "柱状图：每夜监测的小时数。",
    "report_method": "这些数字的来历",
    "report_method_text": (
        "房间里的麦克风在设备上用神经网络统计咳嗽，不保存音频。"
        "竖线为 95% 区间，监测时间越短则越宽；"
        "它包含计数的偶然性和测得的检测误差，但不说明咳嗽是谁发出的。"
        "没有数据的夜晚不计入，绝不当作没有咳嗽的夜晚。"
    ),
    "report_none": "此时段内没有监测过的夜晚。",
}
