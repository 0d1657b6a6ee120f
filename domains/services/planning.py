"""The plan of a domain's zone, from what every server answers now; changes nothing."""

import asyncio

from domains.audit import Act
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.services.check import answers_for
from domains.services.plan import PlanStep, plan_of
from domains.services.provision import get_domain_for
from domains.services.publication import desired_records


def plan_now(act: Act, name: str) -> list[PlanStep]:
    """Ask the DNS and return the steps to what is desired, in the order of the records; raises NotFound."""
    domain = get_domain_for(act, name)
    records = desired_records(domain)

    async def look() -> list[PlanStep]:
        resolver = default_resolver()
        seen = await answers_for(domain, records, resolver)
        return await plan_of(domain.name, records, seen, BudgetedResolver(resolver))

    return asyncio.run(look())
