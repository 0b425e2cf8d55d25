"""English."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

LABELS = {
    "cough": "cough",
    "sneeze": "sneeze",
    "snore": "snore",
    "breath": "breath",
    "speech": "speech",
    "other": "other sound",
    "wheeze": "wheeze",
    "crackle": "crackle",
    "throat": "throat clearing",
}

WORDS = {
    # Numbers and times
    "cough_one": "{count} cough",
    "cough_many": "{count} coughs",
    "hours": "{hours} h",
    "seconds": "{seconds} s",
    "just_now": "just now",
    "minutes_ago": "{count} min ago",
    "hours_ago": "{count} h ago",
    "days_ago": "{count} days ago",
    "percent": "{value}\u00a0%",
    "titled": "{name}: {what}",
    "day": "{day} {year}",
    "day_of_year": "{weekday} {day}",
    "short_day": "{day} {month}",
    # On every page
    "skip": "Skip to the content",
    "pages": "Pages",
    "today": "Today",
    "nights": "Nights",
    "trend": "Trend",
    "device": "Device",
    "switch_language": "中文",
    "logout": "Sign out",
    "disclaimer": (
        "Airway is a screening aid, not a diagnosis. It counts sounds; it does not know what "
        "causes them, nor whose they are. Ask a clinician about any symptom that worries you, "
        "whatever Airway counts."
    ),
    # Rates
    "per_hour": "coughs an hour",
    "interval": "95\u00a0% interval {span}",
    "usual": "Usual range",
    "usual_learning": "still being learnt",
    "usual_short": "that night was too short to compare",
    "usual_note": "this person's own, before that night",
    "coughs_in": "{coughs} in {hours} of listening",
    "not_monitored": "not monitored",
    "no_rate": "too short for a rate",
    "corrected": (
        "The rates are corrected for the coughs that the detector misses and for its false alarms, "
        "as far as both were measured; the count is what it reported."
    ),
    "uncorrected": (
        "The rates are what the detector reported: it is not known how many coughs it misses here, "
        "nor how many are false."
    ),
    "corrected_some": (
        "Some of these rates are corrected for the coughs that the detector misses and for its "
        "false alarms, and some are what it reported, by what was known of the detector of that "
        "night: do not compare one kind with the other."
    ),
    # Today, and one night
    "last_night": "Last night",
    "latest_night": "Latest night",
    "last_night_none": "No night has been summed up yet.",
    "last_24h": "Last 24 hours",
    "counts_none": (
        "The model that listens now does not count coughs: what it hears is listed as events."
    ),
    "microphone": "Microphone",
    "listening": "Listening",
    "muted": "Muted",
    "silent": "Not listening",
    "heard_until": "last sound analysed {ago}",
    "heard_never": "no sound has been analysed yet",
    "chart_hours": "Coughs in each hour",
    "chart_hours_aria": "Bar chart: {coughs} in {hours} of listening, by hour.",
    "hour_heard": "{coughs}, {minutes} of {whole} min listened to",
    "legend_gap": "not listened to",
    "latest_events": "Latest events",
    "events": "Events",
    "events_none": "No event in this time.",
    "events_more": "Only the latest {count} are shown.",
    "table_hours": "The same as a table",
    "hour": "Hour",
    "listened": "Listened",
    "minutes_of": "{minutes} min",
    "alert_title": "More coughing than usual",
    "alert_stood": "When it last listened at night: more coughing than usual",
    "alert_raised": "Raised by the night of {day}. ",
    "alert_since": (
        "Since the night of {day} there is more coughing than this person's usual range. Sounds of "
        "others in the room count as well. If it worries you, or comes with trouble breathing, "
        "fever or blood, ask a clinician."
    ),
    # Tables
    "time": "Time",
    "sound": "Sound",
    "length": "Length",
    "certainty": "Probability",
    "night": "Night",
    "night_of": "Night of {day}",
    "night_forgotten": "Some or all hours and events of this night are no longer kept. Its sum, "
    "above, was taken before.",
    "coughs": "Coughs",
    "rate": "Coughs an hour (95\u00a0% interval)",
    "note": "Note",
    "alert": "with an alert",
    "older": "Older nights",
    "newer": "Newer nights",
    "nights_none": (
        "No night has been summed up yet. The first one appears here when the night is over."
    ),
    "nights_no_older": "No older night is kept.",
    # Trend
    "trend_range": "Last {days} days",
    "trend_span": "Nights from {first} to {last}",
    "chart_trend": "Coughs an hour, night by night",
    "chart_trend_aria": (
        "Chart of coughs an hour, night by night: {nights} nights were monitored, {alerts} of them "
        "with an alert."
    ),
    "point_title": "{day}: {rate} coughs an hour ({span}), {hours} listened to",
    "legend_rate": "a night; the line is its 95\u00a0% interval",
    "legend_alert": "a night with an alert",
    "legend_usual": "usual range",
    "legend_none": "no rate",
    "alerts": "Alerts",
    "alerts_none": "No alert in this time.",
    "alerts_earlier": "and {count} earlier ones",
    "alert_span": "{first} to {last}: more coughing than usual",
    "how_to_read": "How to read this",
    "table_nights": "The same as a table",
    "how_to_read_text": (
        "Each dot is one night and its line the 95\u00a0% interval, in which the true rate "
        "probably lies. The fewer hours were listened to, the longer the line. The band is the "
        "person's own usual range: nine of ten usual nights of that length are inside. A night "
        "outside of the band is no alert by itself: an alert looks at several nights together. "
        "A grey mark is a night without a rate: it was not monitored, or too short for one."
    ),
    "how_to_read_lines": (
        "A line that ends in an arrow goes on above the chart; where nights stand too close "
        "together, their lines are left out."
    ),
    # One event
    "event": "Event",
    "event_at": "{label} at {moment}",
    "score": "Raw score of the model",
    "certainty_note": "probability that a listener would agree",
    "id": "Identifier",
    "around": "Ten minutes before and after",
    "around_aria": "Timeline: {count} events within ten minutes of this one.",
    "spectrogram": "Spectrogram",
    "no_clip": (
        "There is no spectrogram and nothing to play: Airway keeps no audio. Only the time, the "
        "length and the probability of a sound are written down."
    ),
    # Device
    "source": "Source",
    "listened_24h": "Listened to in the last 24 hours",
    "chart_coverage": "Minutes listened to in each hour",
    "chart_coverage_aria": "Bar chart: {hours} of the last 48 hours were listened to.",
    "lost_24h": "Lost in the last 24 hours",
    "lost_note": "time in which no usable sound arrived, or it could not be analysed",
    "session_since": "Listening since",
    "clock": "Clock",
    "clock_synced": "synchronised when listening began",
    "clock_unsynced": "not synchronised when listening began: times may be wrong",
    "waiting": "Messages that wait for the broker",
    "waiting_since": "{count}, the oldest from {ago}",
    "database": "History on this device",
    "megabytes": "{size} MB",
    # Sign-in and faults
    "login": "Sign in",
    "login_text": "Paste the token of this device. It is in the file that --token-file names.",
    "token": "Token",
    "login_wrong": "That is not the token of this device.",
    "login_wait": "Too many wrong tokens. Wait a minute and try again.",
    "not_found": "Page not found",
    "not_found_text": "There is nothing at this address, or it was deleted with the old history.",
    "fault": "The history can't be read",
    "fault_busy": "Another program holds it at the moment. Try again in a minute.",
    "fault_damaged": "Its file is damaged. The daemon puts it aside and begins a new one.",
    "fault_file": "Its file is not there, or can't be opened or read.",
    "fault_foreign": "Its file is not a history that this release of Airway can read.",
    "fault_page": "This page can't be shown",
    "fault_page_text": "Airway made a mistake. What went wrong is in the log of airway web.",
    "read_only": "These pages can be read only: ask with GET.",
    "this_machine_only": (
        "These pages answer on this machine alone, under localhost. To show them elsewhere, start "
        "airway web with --token-file."
    ),
    "start_page": "To the start page",
    # Report
    "report": "Cough report",
    "report_period": "{first} to {last}",
    "report_made": "Made from the history of {node}",
    # The codes of FHIR Observations
    "fhir_cough-rate-night": "Coughs per hour in one night, counted by a microphone",
    "fhir_coughs-reported": "Coughs that the detector reported",
    "fhir_listened": "Time that was listened to",
    "fhir_interval-95": "95 % interval of the rate",
    "fhir_alert": "More coughing than usual over several nights",
    "fhir_usual-range": "This person's usual range",
    "report_nights": "Nights monitored",
    "report_nights_of": "{monitored} of {nights}",
    "report_listened": "Listened to",
    "report_median": "Median night",
    "report_range": "Lowest and highest night",
    "report_alerts": "Nights with an alert",
    "report_coughs": "Coughs reported",
    "report_coverage": "Hours listened to, night by night",
    "report_coverage_aria": "Bar chart of the hours that were listened to in each night.",
    "report_method": "How these figures came about",
    "report_method_text": (
        "A microphone in the room counts coughs on the device with a neural network; no audio is "
        "kept. Lines show 95\u00a0% intervals, which widen when fewer hours were listened to; they "
        "hold the chance of counting and the measured error of the detector, not whose coughs they "
        "are. Nights without data are left out, never counted as nights without coughs."
    ),
    "report_none": "No night in this period was monitored.",
}
