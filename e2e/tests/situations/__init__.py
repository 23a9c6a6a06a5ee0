"""Situations of a resource, such as a missing Secret or a full Redis, and the verdict that four readers must read.

- `verdicts`: what `kubectl wait`, kstatus, Argo CD and the table's columns can say;
- `catalog`: the situations; `situation`: what one is made of;
- `subject`, `environment`: what the steps of a situation can do;
- `recorder`: reads every version of every resource;
- `runner`, `run`: go through the situations;
- `checks`: the rules that no version may break.
"""
