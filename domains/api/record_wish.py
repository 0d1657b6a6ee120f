"""A record that is only tried, and the days of mail that it is tried on."""

from datetime import UTC, date, datetime

from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import ConfigDict, Field

from domains.errors import Refused
from domains.reports.advice import LOOKED_DAYS
from domains.reports.span import day_before

MOST_DAYS = 400


class RecordWish(Schema):
    """A record to try, and on which days."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"record": "v=DMARC1; p=reject"}]})
    record: str = Field(max_length=4096, description="The text of the record.")
    first_day: date | None = Field(default=None, description="The first day, in UTC; 28 days back by default.")
    last_day: date | None = Field(default=None, description="The last day, in UTC; today by default.")

    def days(self) -> tuple[date, date]:
        """Return the first and the last day; raises Refused for days in the wrong order or too many."""
        last = self.last_day or datetime.now(UTC).date()
        first = self.first_day or day_before(last, LOOKED_DAYS - 1)
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Refused({"first_day": _("The days span 1 to 400 days, in order.")})
        return first, last
