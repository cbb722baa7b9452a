"""Times as text, relative to now."""

from __future__ import annotations

from datetime import datetime

from proprium.i18n import gettext as _
from proprium.i18n import ngettext


def last_active_text(now: datetime, moment: datetime) -> str:
    """Returns a sentence such as "last active 12 minutes ago", in the largest unit of which at least one has passed."""
    seconds = max(0, int((now - moment).total_seconds()))
    if days := seconds // 86_400:
        return ngettext("last active {count} day ago", "last active {count} days ago", days)
    if hours := seconds // 3_600:
        return ngettext("last active {count} hour ago", "last active {count} hours ago", hours)
    if minutes := seconds // 60:
        return ngettext("last active {count} minute ago", "last active {count} minutes ago", minutes)
    return _("last active just now")
