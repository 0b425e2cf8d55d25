"""What the local pages and the clinician's report share: words, drawings, templates.

Everything here is pure: values in, text or shapes out. `texts` speaks English and Chinese,
`drawing` lays a plot out as shapes that SVG and PDF draw alike, and `templates` fills HTML.
"""
