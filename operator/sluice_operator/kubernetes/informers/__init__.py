"""The informers, which watch objects through kopf. No other package may import kopf: an import-linter contract checks.

kopf is a whole operator framework. Here it only watches: handlers for raw events keep the cache fresh and add keys to
the work queue. Everything else is Sluice's own, because kopf's way would break one of its promises:

- kopf's other handlers write annotations, finalizers and results into resources. Sluice writes nothing but `/status`.
- kopf reacts to events. Sluice reconciles levels: what exists is compared with what should exist.

To keep kopf to that, each module here works around some of its habits:

- `kopf_engine`: kopf ends a whole engine when one watch ends, as when a CRD is deleted. So each kind has an engine of
  its own. kopf looks for kinds only when an engine starts, so an engine without its kind is started again.
- `informers`: when an engine ends, kopf cancels every asyncio task that started after it. So it is given a collection
  of tasks to ignore that contains all others. kopf takes over the signal handlers at each start, so they are set
  again. It kills the process some minutes after an engine has ended, so that timeout is off.
- `kopf_login`: kopf lists again when a watch can't resume, and does not say so; deletions in between are lost. It also
  retries for a minute where it is forbidden to read, then ends everything. Both are seen in its HTTP responses.
- `kopf_shutdown`: kopf leaves generators open at the end, which asyncio would log with tracebacks.

A watch that silently delivers nothing can't be seen in kopf at all: `watch_freshness` finds it.
"""
