"""The step before pods are stopped on purpose: it writes to the status that their end is no restart."""

from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.status.restarts import exempt_all


async def exempt_restarts(run: Reconciliation, writer: StatusWriter) -> Refusal | None:
    """Write to the status that the pods of a suspended source may end. If that fails, returns why no child may be
    written.

    Otherwise an operator that stops the pods, and is then restarted, would count the next pods as restarts.
    """
    before = run.source.status
    exempted = exempt_all(before.restarts) if run.source.spec.suspend else before.restarts
    if exempted is before.restarts:
        return None
    after = before.model_copy(update={"restarts": exempted})
    try:
        await writer.write(run.found, before, after, run.memory.status)
    except ApiError as error:
        run.errors.append(error)
        return refusal_of(error, action="write the status")
    run.source = run.source.model_copy(update={"status": after})
    return None
