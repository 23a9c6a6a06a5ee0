"""The informers, which watch objects through kopf. No other package may import kopf: an import-linter contract checks.

kopf is an operator framework. Here it only watches: handlers for raw events update the cache and add keys to the work
queue. Its other features are not used:

- kopf's other handlers write annotations, finalizers and results into resources. Sluice writes nothing but `/status`.
- kopf reacts to events. Sluice is level-triggered: it compares what exists with what should exist.

Each module here works around a behaviour of kopf:

- `kopf_engine`: kopf ends a whole engine when one watch ends, as when a CRD is deleted. So each kind has its own
  engine. kopf looks for kinds only when an engine starts, so an engine without its kind is started again.
- `informers`: when an engine ends, kopf cancels every asyncio task that started after it, except those in a given
  collection. So all others are in that collection. kopf replaces the signal handlers at each start, so they are set
  again. It kills the process some minutes after an engine has ended, so that timeout is disabled.
- `kopf_login`: if a watch can't resume, kopf lists again without a notice, and deletions in between are lost. If the
  API server forbids a read, kopf retries for a minute and then ends everything. Both are visible in the HTTP responses.
- `kopf_shutdown`: kopf leaves generators open at the end, which asyncio would log with tracebacks.

kopf does not detect a watch that stays open and delivers nothing. `watch_freshness` does.
"""
