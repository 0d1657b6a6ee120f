"""The schema of antispam: what each domain chose, and what was counted of the mail from outside."""

from antispam.models.evaluation import DmarcEvaluation, KnownNetwork, VerdictCount
from antispam.models.policy import InboundPolicy

__all__ = ["DmarcEvaluation", "InboundPolicy", "KnownNetwork", "VerdictCount"]
